/** report.html of real sweeps, in a real browser. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Browser } from 'puppeteer-core';
import { temporaryFolder } from '../fixtures/folder.js';
import { writeSweep } from '../fixtures/sweep-file.js';
import { openBrowser, visit } from './browser.js';
import { CLI, lopt, startProcess } from './harness.js';
import { checkPictures, picturesOf, serve } from './report-page.js';

/** Looks at a report on a phone and on a desk; gives the names of its pictures with their descriptions, and its text. */
async function lookAt(browser: Browser, { url, asked }: Awaited<ReturnType<typeof serve>>) {
  const looks: { named: Map<string, string>; figures: string[]; text: string; verdict: string }[] = [];
  for (const width of [390, 1280]) {
    asked.length = 0;
    const { page, complaints, requests } = await visit(browser, url, width);
    assert.deepEqual([complaints, requests, asked], [[], [url], ['/']]);
    const pictures = await checkPictures(page, width);
    const named = await picturesOf(page);
    assert.equal(named.length, pictures.length);
    looks.push({
      named: new Map(named.map(({ name, description }) => [name, description])),
      figures: pictures.map(({ figure }) => figure),
      text: await page.$eval('main', (main) => main.textContent ?? ''),
      verdict: await page.$eval('.verdict', (element) => element.textContent ?? ''),
    });
    await page.close();
  }
  const [phone, desk] = looks;
  assert.deepEqual(phone, desk);
  return desk!;
}

test('report.html of a sweep with ASHA is whole on a phone and on a desk, and lopt report makes it again', async (context) => {
  const browser = await openBrowser(context);
  if (!browser) return;
  const folder = temporaryFolder(context);
  const out = join(folder, 'sweep');
  const file = writeSweep(folder, { run_cap: 9, scheduler: { type: 'asha', min_rounds: 15, eta: 3 } });
  const { code, stdout, stderr } = await lopt(['sweep', file, '--out', out]);
  assert.equal(code, 0, stderr);
  const path = join(out, 'report.html');
  assert.ok(stdout.includes(`Curves, parameters and trials: ${path}`), stdout);
  const { named, figures, text, verdict } = await lookAt(browser, await serve(context, path));

  const [, number, value] = /the best is trial (\d+), score ([\d.]+): /.exec(stdout)!;
  assert.match(verdict, new RegExp(`^The best of 9 trials is trial ${number}: score ${Number(value)} after 43 rounds`));
  const command = /The same bits again: (.*)/.exec(stdout)![1]!;
  assert.ok(text.includes(command), command);
  assert.deepEqual(
    new Set(figures),
    new Set(['member-curves', 'parallel-coordinates', 'importance', 'slice-learning-rate', 'slice-unroll']),
  );
  assert.deepEqual(
    new Set(named.keys()),
    new Set([
      'score of all trials, round by round',
      'Parameters and score',
      'What mattered',
      'score by learning-rate',
      'score by unroll',
    ]),
  );
  for (const description of named.values()) assert.match(description, /^The .* \d/);
  assert.match(
    named.get('score of all trials, round by round')!,
    new RegExp(`^The curves of 9 trials: .*stopped early\\. The best, trial ${number}, has score`),
  );
  assert.match(text, /9 trials after round 15/);

  const page = readFileSync(path, 'utf8');
  writeFileSync(path, 'lost');
  const again = await lopt(['report', out]);
  assert.deepEqual([again.code, again.stderr, again.stdout], [0, '', `${path}\n`]);
  assert.equal(readFileSync(path, 'utf8'), page);
  const svg = await lopt(['report', out, '--svg', join(folder, 'a.svg')]);
  assert.equal(svg.code, 2);
  assert.match(
    svg.stderr,
    /^Cannot report on .*: "svg" is of one run, and this is a sweep; name a folder in its trials\/\n$/,
  );
  // another version of lopt may have made the numbers: they are shown all the same
  const stored = join(out, 'sweep.json');
  writeFileSync(stored, readFileSync(stored, 'utf8').replace(/"version": "[^"]*"/, '"version": "0.0.1"'));
  assert.equal((await lopt(['report', out])).code, 0);
  assert.match(readFileSync(path, 'utf8'), /<th scope="row">version<\/th><td>0\.0\.1<\/td>/);
  const resumed = await lopt(['sweep', '--resume', '--out', out]);
  assert.match(resumed.stderr, /it was started by lopt 0\.0\.1, but this is/);
});

test('report.html of population-based training shows who became a copy of whom', async (context) => {
  const browser = await openBrowser(context);
  if (!browser) return;
  const folder = temporaryFolder(context);
  const out = join(folder, 'sweep');
  const scheduler = { type: 'pbt', every: 6, truncation: 0.3 };
  const { code, stderr } = await lopt([
    'sweep',
    writeSweep(folder, { run_cap: 4, rounds: 24, scheduler }),
    '--out',
    out,
  ]);
  assert.equal(code, 0, stderr);
  const { named, figures } = await lookAt(browser, await serve(context, join(out, 'report.html')));
  assert.ok(figures.includes('lineage'));
  const lines = readFileSync(join(out, 'trials.log'), 'utf8').split('\n');
  const copies = lines.filter((line) => line.includes('"lopt:fork:')).length;
  assert.ok(copies > 0);
  assert.match(
    named.get('Who became a copy of whom')!,
    new RegExp(`^The 4 trials were replaced by copies of others ${copies} time.* to round 24\\.$`),
  );
});

test('a sweep that is interrupted has a page that says how to go on', async (context) => {
  const folder = temporaryFolder(context);
  const out = join(folder, 'sweep');
  const file = writeSweep(folder, { rounds: 1_000_000, scheduler: undefined });
  const { child, ended, printed } = startProcess([CLI, 'sweep', file, '--out', out, '--threads', '1']);
  await printed(' running ');
  child.kill('SIGINT');
  const { code, stderr } = await ended;
  assert.equal(code, 130, stderr);
  const page = readFileSync(join(out, 'report.html'), 'utf8');
  assert.match(page, /The sweep is not over\. No trial has a value yet\./);
  assert.ok(page.includes(`<pre><code>lopt sweep --resume --out ${out}</code></pre>`));
});
