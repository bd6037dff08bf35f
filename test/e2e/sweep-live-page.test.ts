/** The live page of real sweeps, in a real browser. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../fixtures/folder.js';
import { startServer, WITHOUT_NATS } from '../fixtures/nats-server.js';
import { writeSweep } from '../fixtures/sweep-file.js';
import { until } from '../fixtures/until.js';
import { openBrowser, visit } from './browser.js';
import { CLI, startProcess } from './harness.js';
import { rowsOf, startWithPage, textOf } from './live-pages.js';

const ENDLESS = 1_000_000;

test('the live page of a sweep shows trials, curves, and workers that join and die, in a real browser', {
  skip: WITHOUT_NATS,
}, async (context) => {
  const browser = await openBrowser(context);
  if (!browser) return;
  const nats = await startServer(context);
  const folder = temporaryFolder(context);
  const run = ['--nats', nats.url, '--run', 'live'];
  const file = writeSweep(folder, {
    run_cap: 4,
    rounds: ENDLESS,
    scheduler: { type: 'successive-halving', min_rounds: 20, eta: 2 },
  });
  const sweep = await startWithPage(context, ['sweep', file, '--out', join(folder, 'sweep'), '--ui', '0', ...run]);
  const { page, complaints, requests } = await visit(browser, sweep.url, 390);
  await until(async () => /^(Running|Waiting for a worker)\.$/.test(await textOf(page, 'state')));
  const startWorker = (name: string) => {
    const worker = startProcess([CLI, 'worker', '--name', name, '--threads', '1', ...run]);
    context.after(() => worker.child.kill('SIGKILL'));
    return worker;
  };
  const first = startWorker('first');
  startWorker('second');
  await until(async () => (await rowsOf(page, 'workers')).filter(([, , trials]) => Number(trials) > 0).length === 2);

  // killed: its shards go to the other one
  first.child.kill('SIGKILL');
  await until(async () => (await rowsOf(page, 'workers')).every(([id]) => id === 'second'));
  const happened = async (text: RegExp) => (await rowsOf(page, 'events')).some(([, event]) => text.test(event!));
  await until(() => happened(/^first is gone$/));
  await until(() => happened(/^second joined, with 1 thread$/));

  // the rung: two go on, two do not
  await until(() => happened(/^Trial \d was promoted: from round 20, score [\d.]+, to round 40$/));
  await until(() => happened(/^Trial \d was stopped early after round 20, score [\d.]+$/));
  await until(async () => /stopped early/.test(await textOf(page, 'field-trials')));
  await until(async () =>
    /^score [\d.]+: trial \d, learning-rate [\d.e-]+, unroll \d+$/.test(await textOf(page, 'field-best')),
  );
  await until(async () => (await page.$('#member-curves svg.narrow')) !== null);
  await until(async () =>
    (await page.$$eval('#member-curves svg.narrow text', (texts) => texts.map((text) => text.textContent))).some(
      (text) => /^trial \d$/.test(text ?? ''),
    ),
  );
  const trials = await rowsOf(page, 'trials');
  assert.deepEqual(trials.map(([number]) => number).sort(), ['0', '1', '2', '3']);
  for (const cells of trials) assert.equal(cells.length, 7);
  assert.ok((await page.$eval('html', (root) => root.scrollWidth)) <= 390);

  sweep.child.kill('SIGINT');
  await until(async () => (await textOf(page, 'state')) === 'Interrupted, and saved.');
  assert.equal((await sweep.ended).code, 130);
  assert.deepEqual(complaints, []);
  assert.deepEqual(requests, [sweep.url, `${sweep.url}events`]);
});

test('the live page of population-based training tells who became a copy of whom, and can only be looked at', async (context) => {
  const browser = await openBrowser(context);
  if (!browser) return;
  const folder = temporaryFolder(context);
  const scheduler = { type: 'pbt', every: 10, truncation: 0.3 };
  const file = writeSweep(folder, { run_cap: 4, rounds: ENDLESS, scheduler });
  const words = ['sweep', file, '--out', join(folder, 'sweep'), '--threads', '1', '--ui', '0'];
  const sweep = await startWithPage(context, words);
  const { page, complaints } = await visit(browser, sweep.url, 1280);
  await until(async () =>
    (await rowsOf(page, 'events')).some(([, event]) =>
      /^Trial \d became a copy of trial \d after round \d+$/.test(event!),
    ),
  );
  await until(async () =>
    /jumps to the other’s/.test(
      await page.$$eval('#member-curves figcaption', ([caption]) => caption?.textContent ?? ''),
    ),
  );
  for (const method of ['POST', 'PUT', 'DELETE']) assert.equal((await fetch(sweep.url, { method })).status, 405);
  assert.equal((await fetch(`${sweep.url}trials.log`)).status, 404);
  sweep.child.kill('SIGINT');
  await until(async () => (await textOf(page, 'state')) === 'Interrupted, and saved.');
  assert.equal((await sweep.ended).code, 130);
  assert.deepEqual(complaints, []);
});

test('lopt up serves the live page of a sweep', { skip: WITHOUT_NATS }, async (context) => {
  const folder = temporaryFolder(context);
  const file = writeSweep(folder, { run_cap: 2, rounds: ENDLESS, scheduler: undefined });
  const words = ['up', file, '--out', join(folder, 'sweep'), '--workers', '1', '--threads', '1', '--ui', '0'];
  const up = await startWithPage(context, words);
  const status = async () =>
    (await (await fetch(new URL('status.json', up.url))).json()) as { tables: { workers: string[][] } };
  await until(async () => (await status()).tables.workers.some(([id]) => id === 'worker-1'));
  up.child.kill('SIGINT');
  assert.equal((await up.ended).code, 130);
});
