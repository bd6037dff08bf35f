/** A live page around what it shows: told how that ended, and closed after it. */
import { EXIT } from '../run/exit.js';

/** A page as far as that goes. */
export interface ConductedPage {
  readonly url: string;
  ended(state: 'finished' | 'interrupted' | 'failed'): void;
  close(): Promise<void>;
}

/** Says where the page is, conducts what it shows, and gives its exit code. */
export async function conductWithPage<Page extends ConductedPage>(
  page: Page,
  say: (line: string) => void,
  conduct: (page: Page) => Promise<number>,
): Promise<number> {
  say(`Live page: ${page.url}`);
  try {
    const code = await conduct(page);
    page.ended(code === EXIT.interrupted ? 'interrupted' : 'finished');
    return code;
  } catch (error) {
    page.ended('failed');
    throw error;
  } finally {
    await page.close();
  }
}
