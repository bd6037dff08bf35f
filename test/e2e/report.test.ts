import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { Page } from 'puppeteer-core';
import { temporaryFolder } from '../fixtures/folder.js';
import { openBrowser, visit } from './browser.js';
import { CLI, lopt, SMALL_FLAGS, startProcess, wordsOf } from './harness.js';

const FLAGS = wordsOf({ ...SMALL_FLAGS, shards: 2 });
const OPTIMIZERS = ['learned', 'sgd', 'momentum', 'nag', 'adagrad', 'rmsprop', 'rprop', 'adam'];

const PAIRS = OPTIMIZERS.slice(1).map((name) => `learned and ${name}`);
const TRAINING_FIGURES = new Map([
  ['meta-loss', 'Meta-loss'],
  ['held-out-sum', 'Held-out evaluation: sum'],
  ['held-out-final', 'Held-out evaluation: final loss'],
  ['learning-rate', 'Learning rate'],
]);

/** Serves a file at /, and nothing else; tells what it was asked for. */
async function serve(context: TestContext, path: string): Promise<{ url: string; asked: string[] }> {
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
  return page.$$eval('figure svg', (pictures) =>
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
async function picturesOf(page: Page): Promise<{ name: string; description: string }[]> {
  const session = await page.createCDPSession();
  const { nodes } = await session.send('Accessibility.getFullAXTree');
  return nodes
    .filter(({ role, ignored }) => !ignored && (role?.value === 'img' || role?.value === 'image'))
    .map(({ name, description }) => ({
      name: String(name?.value ?? ''),
      description: String(description?.value ?? ''),
    }));
}

test('report.html of a run is whole in a real browser, on a phone and on a desk, and asks for nothing', async (context) => {
  const browser = await openBrowser(context);
  if (!browser) return;
  const out = join(temporaryFolder(context), 'run');
  // the comparison of the small problem takes seconds
  const { code, stdout, stderr } = await lopt([
    'train',
    'quadratic',
    ...FLAGS,
    '--rounds',
    '25',
    '--compare',
    '--out',
    out,
  ]);
  assert.equal(code, 0, stderr);
  const path = join(out, 'report.html');
  assert.ok(stdout.includes(path), stdout);
  const { url, asked } = await serve(context, path);
  for (const width of [390, 1280]) {
    asked.length = 0;
    const { page, complaints, requests } = await visit(browser, url, width);
    assert.deepEqual([complaints, requests, asked], [[], [url], ['/']]);

    // with everything that can be opened, open
    await page.$$eval('details', (all) => {
      for (const details of all) details.open = true;
    });
    const needed = await page.$eval('html', (root) => root.scrollWidth);
    assert.ok(needed <= width, `the page is ${needed} wide, the window ${width}`);
    const pictures = await shownPictures(page);
    assert.deepEqual(
      pictures.map(({ figure }) => figure),
      ['learning-curves', ...PAIRS.map((_, index) => `learning-curves-${index + 1}`), ...TRAINING_FIGURES.keys()],
    );
    for (const { figure, right, texts } of pictures) {
      assert.ok(right <= width, figure);
      for (const { text, height, beyond } of texts) {
        assert.ok(height >= 11, `"${text}" of ${figure} is ${height} high`);
        assert.ok(beyond < 1, `"${text}" of ${figure} reaches ${beyond} out of its picture`);
      }
    }
    for (const name of OPTIMIZERS)
      assert.ok(
        pictures[0]!.texts.some(({ text }) => text === name),
        name,
      );

    const named = await picturesOf(page);
    assert.deepEqual(
      named.map(({ name }) => name).sort(),
      ['Learning curves on quadratic', ...PAIRS, ...TRAINING_FIGURES.values()].sort(),
    );
    for (const { description } of named) assert.match(description, /^The .* \d/);
    await page.close();
  }
  const file = pathToFileURL(path).href;
  const { complaints, requests } = await visit(browser, file, 1280);
  assert.deepEqual([complaints, requests], [[], [file]]);
});

test('lopt eval --report and --svg write a page and a picture that a real browser shows', async (context) => {
  const browser = await openBrowser(context);
  if (!browser) return;
  const folder = temporaryFolder(context);
  const out = join(folder, 'run');
  assert.equal((await lopt(['train', 'quadratic', ...FLAGS, '--rounds', '2', '--out', out])).code, 0);
  const [html, svg] = [join(folder, 'eval.html'), join(folder, 'curves.svg')];
  const sizes = ['--functions', '20', '--tune-functions', '5', '--report', html, '--svg', svg];
  const evaluated = await lopt(['eval', join(out, 'phi.safetensors'), ...sizes]);
  assert.equal(evaluated.code, 0, evaluated.stderr);

  const { page, complaints } = await visit(browser, pathToFileURL(html).href, 390);
  assert.deepEqual(complaints, []);
  assert.equal(await page.$eval('h1', (heading) => heading.textContent), 'φ on quadratic');
  const rows = await page.$$eval('section table tbody tr th', (cells) => cells.map((cell) => cell.textContent));
  for (const name of OPTIMIZERS) assert.ok(rows.includes(name), name);
  const command = await page.$eval('pre', (block) => block.textContent ?? '');
  assert.equal(command, `lopt eval ${join(out, 'phi.safetensors')} --seed 0 --functions 20 --tune-functions 5`);

  const picture = await visit(browser, pathToFileURL(svg).href, 1280);
  assert.deepEqual(picture.complaints, []);
  const texts = await picture.page.$$eval('text', (elements) => elements.map((element) => element.textContent));
  for (const name of OPTIMIZERS) assert.ok(texts.includes(name), name);
});

test('lopt report makes the page of a run again, from its folder', async (context) => {
  const out = join(temporaryFolder(context), 'run');
  assert.equal((await lopt(['train', 'quadratic', ...FLAGS, '--rounds', '12', '--out', out])).code, 0);
  const path = join(out, 'report.html');
  const page = readFileSync(path, 'utf8');
  assert.match(page, /Not compared yet: <code>lopt train --resume --compare --out /);
  assert.match(page, /<pre><code>lopt train quadratic .*--rounds 12<\/code><\/pre>/);
  writeFileSync(path, 'lost');
  const again = await lopt(['report', out]);
  assert.deepEqual([again.code, again.stderr, again.stdout], [0, '', `${path}\n`]);
  assert.equal(readFileSync(path, 'utf8'), page);

  const svg = join(out, 'curves.svg');
  const without = await lopt(['report', out, '--svg', svg]);
  const expected = `Cannot draw the learning curves of ${out}: it must hold an evaluation; lopt train --resume --compare --out ${out} makes one\n`;
  assert.deepEqual([without.code, without.stderr, existsSync(svg)], [1, expected, false]);

  writeFileSync(join(out, 'evaluation.json'), '{"optimizers": 3}');
  const damaged = await lopt(['report', out]);
  const sentence = `Cannot read the evaluation from ${join(out, 'evaluation.json')}: it must be one that lopt wrote, curves included\n`;
  assert.deepEqual([damaged.code, damaged.stderr], [1, sentence]);
});

test('a run that is interrupted has a page that says how to go on', async (context) => {
  const out = join(temporaryFolder(context), 'run');
  const { child, ended, printed } = startProcess([
    CLI,
    'train',
    'quadratic',
    ...FLAGS,
    '--rounds',
    '1000000',
    '--out',
    out,
  ]);
  await printed('round ');
  child.kill('SIGINT');
  const { code, stderr } = await ended;
  assert.equal(code, 130, stderr);
  const page = readFileSync(join(out, 'report.html'), 'utf8');
  assert.match(page, /<h2 id="again">To go on<\/h2>\s*<pre><code>lopt train --resume --out /);
  assert.match(page, /\(1,000,000 planned\)/);
  assert.match(page, /<figure id="meta-loss">/);
});
