import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { temporaryFolder } from '../fixtures/folder.js';
import { openBrowser, visit } from './browser.js';
import { CLI, lopt, SMALL_FLAGS, startProcess, wordsOf } from './harness.js';
import { checkPictures, picturesOf, serve } from './report-page.js';

const FLAGS = wordsOf({ ...SMALL_FLAGS, shards: 2 });
const OPTIMIZERS = ['learned', 'sgd', 'momentum', 'nag', 'adagrad', 'rmsprop', 'rprop', 'adam'];

const PAIRS = OPTIMIZERS.slice(1).map((name) => `learned and ${name}`);
const TRAINING_FIGURES = new Map([
  ['meta-loss', 'Meta-loss'],
  ['held-out-sum', 'Held-out evaluation: sum'],
  ['held-out-final', 'Held-out evaluation: final loss'],
  ['learning-rate', 'Learning rate'],
]);

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

    const pictures = await checkPictures(page, width);
    assert.deepEqual(
      pictures.map(({ figure }) => figure),
      ['learning-curves', ...PAIRS.map((_, index) => `learning-curves-${index + 1}`), ...TRAINING_FIGURES.keys()],
    );
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
  assert.match(page, /<h2 id="again">To resume<\/h2>\s*<pre><code>lopt train --resume --out /);
  assert.match(page, /\(1,000,000 planned\)/);
  assert.match(page, /<figure id="meta-loss">/);
});
