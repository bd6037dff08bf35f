/** Runs something with a live page, which is told how it ended and then closed. */
import { EXIT } from '../run/exit.js';

/** The part of a page that is used here. */
export interface ConductedPage {
  readonly url: string;
  ended(state: 'finished' | 'interrupted' | 'failed'): void;
  close(): Promise<void>;
}

/** Prints the page's URL, conducts the work and returns its exit code. */
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
