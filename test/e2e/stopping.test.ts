/** SIGTERM ends every command within seconds, whatever it waits for at that moment. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it, type TestContext } from 'node:test';
import { serveRuns } from '../../deploy/cluster/serve.js';
import { silentLogger } from '../../shared/logger.js';
import { Pool } from '../../worker/pool.js';
import type { WindowsAnswer, WindowsTask } from '../../worker/tasks.js';
import { temporaryFolder } from '../fixtures/folder.js';
import { writeModule } from '../fixtures/modules.js';
import { TestServer, WITHOUT_NATS } from '../fixtures/nats-server.js';
import { writeSweep } from '../fixtures/sweep-file.js';
import { until } from '../fixtures/until.js';
import { CLI, type Ended, reaches, SMALL_FLAGS, startProcess, wordsOf } from './harness.js';

const server = WITHOUT_NATS ? undefined : await TestServer.start();
after(() => server?.remove());

const FOREVER = ['quadratic', ...wordsOf(SMALL_FLAGS), '--rounds', '100000000'];
/** Longer than any limit of a run whose pace is known, with much room for a busy machine. */
const MOST_SECONDS = 45;

type Started = ReturnType<typeof startProcess>;

/** A pool of one thread, whose windows never end from some moment on. */
class HangingPool extends Pool {
  isHung = false;
  /** Windows that have not ended. */
  hanging = 0;

  constructor() {
    super(1);
  }

  override computeWindows(task: WindowsTask): Promise<WindowsAnswer> {
    if (!this.isHung) return super.computeWindows(task);
    this.hanging += 1;
    return new Promise(() => {});
  }
}

/** A process that is gone when the test ends. */
function start(test: TestContext, words: readonly string[], cwd?: string): Started {
  const started = startProcess([CLI, ...words], cwd);
  test.after(async () => {
    started.child.kill('SIGKILL');
    await started.ended;
  });
  return started;
}

/** Tells a process to end; returns how it did. */
async function endOf({ child, ended }: Started): Promise<Ended> {
  const toldAt = performance.now();
  child.kill('SIGTERM');
  const end = await ended;
  const seconds = (performance.now() - toldAt) / 1000;
  assert.ok(seconds < MOST_SECONDS, `${seconds} s`);
  return end;
}

/** Asserts that a run has saved and says how to go on. */
function assertSaved({ code, stdout, stderr }: Ended): void {
  assert.equal(code, 130, stdout + stderr);
  assert.match(stdout, /Stopped after round \d+; resume with: lopt /);
}

describe('SIGTERM ends', { skip: WITHOUT_NATS, concurrency: 2, timeout: 300_000 }, () => {
  /** A coordinator of a run of its own, and how a worker joins it. */
  function cluster(test: TestContext, run: string) {
    const nats = ['--nats', server!.url, '--run', run];
    const out = join(temporaryFolder(test), 'run');
    const coordinator = start(test, ['coordinator', ...FOREVER, '--out', out, ...nats]);
    const reached = (round: number) => reaches(coordinator.child, join(out, 'metrics.jsonl'), round);
    const work = () => start(test, ['worker', '--threads', '1', ...nats]);
    return { nats, out, coordinator, reached, work };
  }

  it('a coordinator without a worker', async (test) => {
    const { coordinator } = cluster(test, 'alone');
    await coordinator.printed('Waiting for a worker.');
    assertSaved(await endOf(coordinator));
  });

  for (const signal of ['SIGKILL', 'SIGSTOP'] as const) {
    it(`a coordinator whose last worker just got ${signal}`, async (test) => {
      const { coordinator, reached, work } = cluster(test, signal);
      const { child } = work();
      await reached(20);
      child.kill(signal);
      assertSaved(await endOf(coordinator));
    });
  }

  it('a worker, and a coordinator, whose windows never end', async (test) => {
    const { coordinator, reached } = cluster(test, 'hung');
    const pool = new HangingPool();
    test.after(() => pool.close());
    const stop = new AbortController();
    const name = { nats: { url: server!.url }, prefix: 'lopt', id: 'w', run: 'hung' };
    const how = { logger: silentLogger, waitSeconds: 5, signal: stop.signal, drainMs: 300 };
    const serving = serveRuns({ ...name, ...how, pool });
    await reached(20);
    pool.isHung = true;
    await until(() => pool.hanging > 0);
    assertSaved(await endOf(coordinator));
    stop.abort();
    await serving;
  });

  it('a coordinator that stands by', async (test) => {
    const { coordinator, nats, work, reached } = cluster(test, 'led');
    work();
    await reached(1);
    const folder = temporaryFolder(test);
    const words = ['coordinator', ...FOREVER, '--out', 'other', ...nats, '--name', 'other', '--standby'];
    const other = start(test, words, folder);
    await other.printed('Training φ');
    const { code, stderr } = await endOf(other);
    assert.deepEqual([code, stderr], [130, 'Stopped before the run was led; nothing had to be saved.\n']);
    assertSaved(await endOf(coordinator));
  });

  it('a worker whose run is over', async (test) => {
    const nats = ['--nats', server!.url, '--run', 'over'];
    const worker = start(test, ['worker', '--threads', '1', ...nats]);
    const words = ['coordinator', ...FOREVER.slice(0, -1), '3', '--out', 'run', ...nats];
    assert.equal((await start(test, words, temporaryFolder(test)).ended).code, 0);
    const { code, stdout, stderr } = await endOf(worker);
    assert.equal(code, 0, stdout + stderr);
  });

  it('a sweep without a worker', async (test) => {
    const folder = temporaryFolder(test);
    const words = ['sweep', writeSweep(folder), '--out', 'sweep', '--nats', server!.url, '--run', 'swept'];
    const sweep = start(test, words, folder);
    await sweep.printed('Waiting for a worker.');
    const { code, stdout, stderr } = await endOf(sweep);
    assert.equal(code, 130, stdout + stderr);
    assert.match(stdout, /Stopped; resume with: lopt sweep --resume/);
  });

  it('lopt train with a window that never ends', async (test) => {
    const folder = temporaryFolder(test);
    const hang = join(folder, 'hang');
    const isHung = `!isMainThread && existsSync(${JSON.stringify(hang)})`;
    const endless = `(...args) => { while (${isHung}); return problems.createGradient()(...args); }`;
    writeModule(
      folder,
      'endless.js',
      `configure: async () => ({ ...problems, createGradient: () => ${endless} })`,
      "import { existsSync } from 'node:fs'; import { isMainThread } from 'node:worker_threads';",
    );
    const { 'problem.dimension': _dimension, ...flags } = SMALL_FLAGS;
    const words = ['--problem-module', 'endless.js', ...wordsOf(flags), '--rounds', '100000000', '--threads', '2'];
    const train = start(test, ['train', ...words, '--out', 'run'], folder);
    await reaches(train.child, join(folder, 'run', 'metrics.jsonl'), 20);
    writeFileSync(hang, '');
    assertSaved(await endOf(train));
  });

  for (const [name, words, text] of [
    ['lopt eval', ['eval', 'quadratic', '--functions', '1000000', '--threads', '1'], 'Comparing on'],
    ['lopt train --compare', ['train', ...FOREVER.slice(0, -1), '1', '--compare', '--out', 'run'], 'Comparing on'],
  ] as const) {
    it(`${name} at once, which has nothing to save`, async (test) => {
      const started = start(test, words, temporaryFolder(test));
      await started.printed(text);
      assert.equal((await endOf(started)).signal, 'SIGTERM');
    });
  }
});
