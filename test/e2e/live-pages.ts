/** Live pages of real processes, looked at in a real browser. */
import type { TestContext } from 'node:test';
import type { Page } from 'puppeteer-core';
import { until } from '../fixtures/until.js';
import { CLI, startProcess } from './harness.js';

/** Starts `lopt`, which ends with the test; resolves to where its live page is. */
export async function startWithPage(context: TestContext, args: readonly string[]) {
  const started = startProcess([CLI, ...args]);
  context.after(() => started.child.kill('SIGKILL'));
  let text = '';
  started.child.stdout!.on('data', (part: string) => {
    text += part;
  });
  await until(() => /^Live page: \S+\n/m.test(text));
  return { ...started, url: /^Live page: (\S+)\n/m.exec(text)![1]! };
}

export function textOf(page: Page, id: string): Promise<string> {
  return page.$eval(`#${id}`, (element) => element.textContent ?? '');
}

/** The rows of a table that is shown; none where it is not. */
export async function rowsOf(page: Page, name: string): Promise<string[][]> {
  const hidden = await page.$eval(`section:has(#table-${name})`, (section) => section.hasAttribute('hidden'));
  if (hidden) return [];
  return page.$$eval(`#table-${name} tbody tr`, (rows) =>
    rows.map((row) => [...row.children].map((cell) => cell.textContent ?? '')),
  );
}
