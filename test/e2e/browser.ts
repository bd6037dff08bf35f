/** A real Chromium for tests: found, started, watched for errors, closed. */
import assert from 'node:assert/strict';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { TestContext } from 'node:test';
import { launch, type Page } from 'puppeteer-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];

/** The path of Chromium: what CHROME_BIN or PUPPETEER_EXECUTABLE_PATH names, or the first on PATH. */
export function findChromium(): string | undefined {
  const named = process.env['CHROME_BIN'] ?? process.env['PUPPETEER_EXECUTABLE_PATH'];
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const candidates = [named, ...folders.flatMap((folder) => NAMES.map((name) => join(folder, name)))];
  return candidates.find((path): path is string => path !== undefined && isExecutable(path));
}

/** Calls `work` with a blank page, and fails where the page reported an error; skips the test without Chromium. */
export async function withPage(context: TestContext, work: (page: Page) => Promise<void>): Promise<void> {
  const executablePath = findChromium();
  if (!executablePath) {
    context.skip('Chromium must be installed, or CHROME_BIN name it');
    return;
  }
  // no sandbox, since containers often run as root; WebGL by software, since few of them have a GPU
  const args = ['--no-sandbox', '--use-angle=swiftshader', '--enable-unsafe-swiftshader'];
  const browser = await launch({ executablePath, args });
  try {
    const page = await browser.newPage();
    const errors: string[] = [];
    page.on('pageerror', (error) => errors.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error') errors.push(message.text());
    });
    await work(page);
    assert.deepEqual(errors, []);
  } finally {
    await browser.close();
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
