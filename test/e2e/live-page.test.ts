import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryFolder } from '../fixtures/folder.js';
import { startServer, WITHOUT_NATS } from '../fixtures/nats-server.js';
import { until } from '../fixtures/until.js';
import { openBrowser, visit } from './browser.js';
import { CLI, lopt, SMALL_FLAGS, startProcess, wordsOf } from './harness.js';
import { rowsOf, startWithPage, textOf } from './live-pages.js';

const FLAGS = wordsOf({ ...SMALL_FLAGS, 'evaluate-every': 300 });
const FOREVER = ['--rounds', '100000000'];

test('the live page shows workers that join and die, figures and faults, in a real browser', {
  skip: WITHOUT_NATS,
}, async (context) => {
  const browser = await openBrowser(context);
  if (!browser) return;
  const nats = await startServer(context);
  const out = join(temporaryFolder(context), 'run');
  const run = ['--nats', nats.url, '--run', 'live'];
  const coordinator = await startWithPage(context, [
    ...['coordinator', 'quadratic', ...FLAGS, ...FOREVER, '--out', out, '--ui', '0', ...run],
  ]);
  const { page, complaints, requests } = await visit(browser, coordinator.url, 390);
  await until(async () => (await textOf(page, 'state')) === 'Running.');
  assert.deepEqual(await rowsOf(page, 'workers'), []);

  const startWorker = (name: string) => {
    const worker = startProcess([CLI, 'worker', '--name', name, '--threads', '1', ...run]);
    context.after(() => worker.child.kill('SIGKILL'));
    return worker;
  };
  const first = startWorker('first');
  await until(async () => (await rowsOf(page, 'workers')).some(([id, threads]) => id === 'first' && threads === '1'));
  startWorker('second');
  await until(async () => (await rowsOf(page, 'workers')).filter(([, , shards]) => Number(shards) > 0).length === 2);
  const shards = (await rowsOf(page, 'workers')).reduce((sum, [, , count]) => sum + Number(count), 0);
  assert.equal(shards, SMALL_FLAGS.shards);

  // killed: its shards go to the other one, which computes their windows again
  first.child.kill('SIGKILL');
  await until(async () => (await rowsOf(page, 'workers')).every(([id]) => id === 'second'));
  await until(async () => (await rowsOf(page, 'events')).some(([, text]) => text === 'first is gone'));
  await until(async () => /^shards went to other workers/.test(await textOf(page, 'field-faults')));

  // figures come by themselves, with what beats them, and what a reader has opened stays open
  await until(async () => (await page.$('#meta-loss svg')) !== null);
  await page.$eval('#meta-loss details', (details) => details.setAttribute('open', ''));
  await page.focus('#meta-loss summary');
  await until(async () => (await rowsOf(page, 'baselines')).length === 7);
  await until(async () =>
    (await page.$$eval('#held-out-sum svg.narrow text', (texts) => texts.map((text) => text.textContent))).includes(
      'nag',
    ),
  );
  assert.equal(await page.$eval('#meta-loss details', (details) => details.hasAttribute('open')), true);
  assert.equal(await page.$eval(':focus', (element) => element.tagName), 'SUMMARY');
  assert.ok((await page.$eval('html', (root) => root.scrollWidth)) <= 390);

  // held still on demand, by key
  await page.focus('#pause');
  await page.keyboard.press('Enter');
  const still = await textOf(page, 'field-rounds');
  const roundOf = async () => {
    const status = (await (await fetch(new URL('status.json', coordinator.url))).json()) as {
      fields: { rounds: string };
    };
    return status.fields.rounds;
  };
  await until(async () => (await roundOf()) !== still);
  assert.equal(await textOf(page, 'field-rounds'), still);
  await page.keyboard.press('Enter');
  await until(async () => (await textOf(page, 'field-rounds')) !== still);

  coordinator.child.kill('SIGINT');
  await until(async () => (await textOf(page, 'state')) === 'Interrupted, and saved.');
  assert.equal((await coordinator.ended).code, 130);
  assert.deepEqual(complaints, []);
  assert.deepEqual(requests, [coordinator.url, `${coordinator.url}events`]);
});

test('the live page can only be looked at, and by those who know its token', async (context) => {
  const out = join(temporaryFolder(context), 'run');
  const open = await startWithPage(context, [
    'train',
    'quadratic',
    ...FLAGS,
    ...FOREVER,
    '--threads',
    '1',
    '--out',
    out,
    '--ui',
    '0',
    '--ui-host',
    '0.0.0.0',
  ]);
  const given = new URL(open.url);
  const url = `http://127.0.0.1:${given.port}/`;
  const statusOf = async (path: string, init: RequestInit = {}) =>
    (await fetch(`${url}${path}`, { redirect: 'manual', ...init })).status;
  assert.deepEqual(
    [await statusOf(''), await statusOf('events'), await statusOf('status.json'), await statusOf('?token=guess')],
    [401, 401, 401, 401],
  );
  const admitted = await fetch(`${url}${given.search}`, { redirect: 'manual' });
  assert.deepEqual([admitted.status, admitted.headers.get('location')], [303, '/']);
  const cookie = admitted.headers.get('set-cookie')!.split(';')[0]!;
  const headers = { cookie };
  assert.deepEqual(
    [
      await statusOf('', { headers }),
      await statusOf('status.json', { headers }),
      await statusOf('metrics', { headers }),
    ],
    [200, 200, 404],
  );
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) assert.equal(await statusOf('', { method, headers }), 405);
  const page = await fetch(url, { headers });
  assert.match(
    page.headers.get('content-security-policy')!,
    /^default-src 'none'; .*script-src 'sha256-[^']+'; connect-src 'self';/,
  );
  open.child.kill('SIGINT');
  assert.equal((await open.ended).code, 130);
});

test('a run whose live page cannot be served does not start', async (context) => {
  const taken = createServer();
  await new Promise<void>((resolve) => {
    taken.listen(0, '127.0.0.1', resolve);
  });
  context.after(() => taken.close());
  const { port } = taken.address() as AddressInfo;
  const out = join(temporaryFolder(context), 'run');
  const { code, stderr } = await lopt([
    'train',
    'quadratic',
    ...FLAGS,
    '--rounds',
    '2',
    '--out',
    out,
    '--ui',
    String(port),
  ]);
  assert.equal(code, 1);
  assert.equal(
    stderr,
    `Cannot serve the live page on 127.0.0.1:${port}: "ui" must be a free port, but another process is listening on it\n`,
  );
  assert.equal(existsSync(join(out, 'metrics.jsonl')), false);
});
