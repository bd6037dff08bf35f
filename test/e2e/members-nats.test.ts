/** Many members of one run over a real nats-server, with workers that serve them all. */
import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { Seat } from '../../deploy/cluster/seat.js';
import { serveRuns } from '../../deploy/cluster/serve.js';
import { RunFolder } from '../../deploy/run/run-folder.js';
import { memberOf, type Segment } from '../../deploy/sweep/segment.js';
import { silentLogger } from '../../shared/logger.js';
import { RunRegistry } from '../../shared/nats/run-registry.js';
import { Pool } from '../../worker/pool.js';
import { temporaryFolder, withFolder } from '../fixtures/folder.js';
import { connectTo, jetStreamOf, TestServer, WITHOUT_NATS } from '../fixtures/nats-server.js';
import { hashesOf, runTrials, smallRunner, trialOf, withRunner } from '../fixtures/small-sweep.js';
import { SMALL_ROUNDS } from './harness.js';

const logger = silentLogger;
const server = WITHOUT_NATS ? undefined : await TestServer.start();
after(() => server?.remove());

const TRIALS = [0, 1, 2, 3];
const CHILD: Segment = { ...trialOf(1), fork: 1, from: { trial: 3, fork: 0, round: 20 } };
const FORKS = { forks: true };

function allHashes(out: string): string[][] {
  return [...TRIALS.map((trial) => ({ trial, fork: 0 })), CHILD].map((id) => hashesOf(out, id));
}

/** A worker of one thread that serves the run until the test ends, or what is returned is called. */
function startWorker(test: TestContext, id: string, run: string): () => Promise<void> {
  const stop = new AbortController();
  const pool = new Pool(1);
  const nats = { url: server!.url };
  const serving = serveRuns({ nats, prefix: 'lopt', id, pool, logger, run, waitSeconds: 5, signal: stop.signal });
  const end = async () => {
    stop.abort();
    await serving;
    await pool.close();
  };
  test.after(end);
  return end;
}

function takeSeat(run: string, config: Parameters<typeof Seat.take>[1]['config']): Promise<Seat> {
  const lead = { nats: { url: server!.url }, prefix: 'lopt', run, holder: 'test', standby: false, waitSeconds: 5 };
  const signal = new AbortController().signal;
  return Seat.take(lead, { digest: 'd'.repeat(64), config, logger, signal });
}

describe('the members of a run over NATS', { skip: WITHOUT_NATS }, () => {
  let embedded: string[][];

  before(async () => {
    embedded = await withFolder(async (out) => {
      const work = async (runner: Parameters<Parameters<typeof withRunner>[2]>[0]) => {
        await runTrials(runner, TRIALS, [20, SMALL_ROUNDS], 2);
        await runner.runTo(CHILD, SMALL_ROUNDS);
      };
      await withRunner(out, 2, work, FORKS);
      return allHashes(out);
    });
  });

  it('have the φ of the embedded ones, forks and a worker that leaves included', async (test) => {
    const out = temporaryFolder(test);
    const run = 'many';
    const config = await smallRunner(out, { train: () => assert.fail('asked for a configuration only') }).configOf(
      trialOf(0),
    );
    const seat = await takeSeat(run, config);
    test.after(() => seat.leave());
    const leave = startWorker(test, 'a', run);
    startWorker(test, 'b', run);
    let rounds = 0;
    const observe = () => ({
      round: () => {
        rounds += 1;
        if (rounds === 90) void leave();
      },
    });
    const runner = smallRunner(out, { train: (options) => seat.lead(options), observe, ...FORKS });
    await runTrials(runner, TRIALS, [20, SMALL_ROUNDS], 4);
    await runner.runTo(CHILD, SMALL_ROUNDS);
    assert.deepEqual(allHashes(out), embedded);
    assert.ok(rounds >= 90);
    // one stream and one store hold them all
    const link = await connectTo(test, server!);
    const manager = await link.control.connection.jetstreamManager();
    const names = (await manager.streams.list().next()).map(({ config: { name } }) => name);
    assert.deepEqual(names.filter((name) => name.includes(run)).sort(), [
      `OBJ_lopt-${run}-checkpoints`,
      `lopt-${run}-journal`,
    ]);
    const { state } = await manager.streams.info(`lopt-${run}-journal`, { subjects_filter: '>' });
    assert.deepEqual(
      Object.keys(state.subjects ?? {}).sort(),
      [...TRIALS, memberOf(CHILD)].map((member) => `lopt.journal.${run}.${member}`).sort(),
    );
  });

  it('go on from their folders after the server has lost them, and are refused if those have lost them too', async (test) => {
    const out = temporaryFolder(test);
    const run = 'lost';
    const asked = smallRunner(out, { train: () => assert.fail('asked for a configuration only') });
    const config = await asked.configOf(trialOf(0));
    const jetStream = await jetStreamOf(test, server!);
    const registry = await RunRegistry.open(jetStream);
    const place = { run, url: server!.url };
    /** Runs two trials to a round, and deletes all that the server has of them. */
    const runTo = async (round: number) => {
      const seat = await takeSeat(run, config);
      const leave = startWorker(test, `lost-${round}`, run);
      try {
        const runner = smallRunner(out, { train: (options) => seat.lead(options), server: place, ...FORKS });
        for (const trial of [0, 1]) await runner.runTo(trialOf(trial), round);
      } finally {
        await leave();
        await seat.leave();
        await registry.remove(run);
      }
    };
    await runTo(20);
    const trial = new RunFolder(join(out, 'trials', '0000'));
    assert.deepEqual(trial.record, { server: place, resume: 'lopt sweep --resume', round: 20 });
    await runTo(SMALL_ROUNDS);
    assert.deepEqual(
      [0, 1].map((each) => hashesOf(out, { trial: each, fork: 0 })),
      embedded.slice(0, 2),
    );
    rmSync(trial.journal, { recursive: true });
    const rows = readFileSync(trial.metrics, 'utf8');
    await assert.rejects(runTo(SMALL_ROUNDS + 1), {
      message: `Cannot resume ${trial.path}: it got to round ${SMALL_ROUNDS}, but its journal, both as run ${run} on NATS at ${place.url} and in ${trial.journal}, is empty; restore one of them, or sweep into another folder`,
    });
    assert.equal(readFileSync(trial.metrics, 'utf8'), rows);
  });
});
