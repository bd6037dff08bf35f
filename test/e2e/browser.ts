/** A real Chromium for tests of pages. */
import assert from 'node:assert/strict';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { TestContext } from 'node:test';
import puppeteer, { type Browser, type Page } from 'puppeteer-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];

/** The path of a Chromium: CHROME_BIN or PUPPETEER_EXECUTABLE_PATH where one is set, else the first on PATH. */
function findChromium(): string | undefined {
  const { CHROME_BIN, PUPPETEER_EXECUTABLE_PATH, PATH = '' } = process.env;
  const given = CHROME_BIN || PUPPETEER_EXECUTABLE_PATH;
  if (given) return given;
  const candidates = PATH.split(delimiter).flatMap((folder) => NAMES.map((name) => join(folder, name)));
  return candidates.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Starts a Chromium that ends with the test; where there is none, skips the test and gives undefined. */
export async function openBrowser(context: TestContext): Promise<Browser | undefined> {
  const executablePath = findChromium();
  if (executablePath === undefined) {
    context.skip('there is no Chromium: install it (apt-get install chromium), or name one in CHROME_BIN');
    return undefined;
  }
  // Chromium's sandbox refuses to work for root; WebGL by software, since few machines of tests have a GPU
  const root = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  const args = [...root, '--use-angle=swiftshader', '--enable-unsafe-swiftshader'];
  // no limit of time: a slow machine is no failure
  const browser = await puppeteer.launch({ executablePath, args, timeout: 0, protocolTimeout: 0 });
  context.after(() => browser.close());
  return browser;
}

/** A page, with all that it has written to the console and asked for. */
export interface WatchedPage {
  page: Page;
  /** Warnings and errors of the console, and uncaught exceptions. */
  complaints: string[];
  requests: string[];
}

/** Opens a page and waits until it has loaded. */
export async function visit(browser: Browser, url: string, width: number): Promise<WatchedPage> {
  const page = await browser.newPage();
  const complaints: string[] = [];
  const requests: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warn', 'issue'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => requests.push(request.url()));
  await page.setViewport({ width, height: 800, isMobile: width < 600, hasTouch: width < 600 });
  await page.goto(url, { waitUntil: 'load', timeout: 0 });
  return { page, complaints, requests };
}

/** Calls `work` with a blank page, and fails where the page reported an error; skips the test without Chromium. */
export async function withPage(context: TestContext, work: (page: Page) => Promise<void>): Promise<void> {
  const browser = await openBrowser(context);
  if (!browser) return;
  const page = await browser.newPage();
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
  });
  await work(page);
  assert.deepEqual(errors, []);
}
