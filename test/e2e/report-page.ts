/** Checks of report pages in a real browser. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import type { Page } from 'puppeteer-core';

/** Serves a file at /, and nothing else; tells what it was asked for. */
export async function serve(context: TestContext, path: string): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url!);
    response.writeHead(request.url === '/' ? 200 : 404, { 'content-type': 'text/html' });
    response.end(request.url === '/' ? readFileSync(path) : '');
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  context.after(() => server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, asked };
}

/** The pictures that are shown, and how far their texts reach out of them, in pixels. */
function shownPictures(page: Page) {
  return page.$$eval('figure > svg', (pictures) =>
    pictures
      .map((picture) => ({ picture, box: picture.getBoundingClientRect() }))
      .filter(({ box }) => box.width > 0)
      .map(({ picture, box }) => ({
        figure: picture.closest('figure')!.id,
        right: box.right,
        texts: [...picture.querySelectorAll('text')].map((text) => {
          const { left, right, height } = text.getBoundingClientRect();
          return { text: text.textContent ?? '', height, beyond: Math.max(right - box.right, box.left - left) };
        }),
      })),
  );
}

/** Every picture that is exposed to assistive technology: its name and its description. */
export async function picturesOf(page: Page): Promise<{ name: string; description: string }[]> {
  const session = await page.createCDPSession();
  const { nodes } = await session.send('Accessibility.getFullAXTree');
  return nodes
    .filter(({ role, ignored }) => !ignored && (role?.value === 'img' || role?.value === 'image'))
    .map(({ name, description }) => ({
      name: String(name?.value ?? ''),
      description: String(description?.value ?? ''),
    }));
}

/**
 * Opens everything that can be opened, and checks that the page and its pictures fit the window, with letters that can be
 * read, and that what scrolls can be reached by keys. Gives the pictures, in their order.
 */
export async function checkPictures(page: Page, width: number): Promise<Awaited<ReturnType<typeof shownPictures>>> {
  await page.$$eval('details', (all) => {
    for (const details of all) details.open = true;
  });
  const needed = await page.$eval('html', (root) => root.scrollWidth);
  assert.ok(needed <= width, `the page is ${needed} wide, the window ${width}`);
  const pictures = await shownPictures(page);
  for (const { figure, right, texts } of pictures) {
    assert.ok(right <= width, figure);
    for (const { text, height, beyond } of texts) {
      assert.ok(height >= 11, `"${text}" of ${figure} is ${height} high`);
      assert.ok(beyond < 1, `"${text}" of ${figure} reaches ${beyond} out of its picture`);
    }
  }
  const regions = await page.$$eval('.scroll', (all) =>
    all.map((box) => [
      (box as unknown as { tabIndex: number }).tabIndex,
      box.getAttribute('role'),
      box.hasAttribute('aria-label'),
    ]),
  );
  for (const region of regions) assert.deepEqual(region, [0, 'region', true]);
  return pictures;
}
