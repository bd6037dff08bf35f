/** Whole runs over a real nats-server: the same φ as the embedded run's, to the last bit. */
import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import { Checkpoints } from '../../coordinator/checkpoint.js';
import { Coordinator, type CoordinatorOptions } from '../../coordinator/coordinator.js';
import { nextRun } from '../../shared/bus/announcements.js';
import { NatsBus } from '../../shared/bus/nats-bus.js';
import { digestOf } from '../../shared/config.js';
import { UsageError } from '../../shared/errors.js';
import { JetStreamHistory } from '../../shared/journal/jetstream-history.js';
import { JetStreamJournal } from '../../shared/journal/jetstream-journal.js';
import { silentLogger } from '../../shared/logger.js';
import type { AnnounceMessage } from '../../shared/messages.js';
import { JetStream } from '../../shared/nats/jetstream.js';
import type { NatsLink } from '../../shared/nats/link.js';
import { ObjectBlobs } from '../../shared/nats/object-blobs.js';
import { encodePhi } from '../../shared/phi-format.js';
import { runSubjects } from '../../shared/subjects.js';
import { Pool } from '../../worker/pool.js';
import { Worker } from '../../worker/worker.js';
import { withFolder } from '../fixtures/folder.js';
import { connectTo, TestServer, WITHOUT_NATS } from '../fixtures/nats-server.js';
import { SMALL_ROUNDS, sha256, smallRun, startOf, trainSmall } from './harness.js';

const logger = silentLogger;
const server = WITHOUT_NATS ? undefined : await TestServer.start();
after(() => server?.remove());

/** A worker that waits for a run and serves it; resolves when it listens. It is gone when the test ends. */
async function startWorker(test: TestContext, id: string): Promise<void> {
  const link = await connectTo(test, server!);
  const stop = new AbortController();
  const serving = serve(link, id, nextRun({ link, logger }, { signal: stop.signal }));
  await link.control.flush();
  test.after(async () => {
    stop.abort();
    const leave = await serving;
    await leave();
  });
}

async function serve(link: NatsLink, id: string, announced: Promise<AnnounceMessage>): Promise<() => Promise<void>> {
  const run = await announced.catch(() => undefined);
  if (!run) return async () => {};
  const subjects = runSubjects(run.run);
  const bus = new NatsBus({ link, subjects, logger, drainMs: 0 });
  const pool = new Pool(1);
  const history = new JetStreamHistory({ jetStream: await JetStream.open(link, { logger }), subjects });
  const worker = new Worker({ id, bus, pool, history, logger });
  return async () => {
    await worker.close();
    await bus.close();
    await pool.close();
  };
}

/** Coordinates the small run; returns the sha256 of what last.safetensors would hold. */
async function coordinate(test: TestContext, run: string, options: Partial<CoordinatorOptions> = {}): Promise<string> {
  const { config } = await smallRun();
  const subjects = runSubjects(run);
  const digest = digestOf(config);
  const link = await connectTo(test, server!);
  const jetStream = await JetStream.open(link, { logger });
  const bus = new NatsBus({ link, subjects, logger, config });
  const coordinator = new Coordinator({
    run,
    config,
    digest,
    bus,
    journal: await JetStreamJournal.open({ jetStream, subjects, digest, logger }),
    checkpoints: new Checkpoints(new ObjectBlobs({ jetStream, bucket: subjects.checkpoints, folder: '0' })),
    phi: startOf(config),
    goal: { rounds: SMALL_ROUNDS },
    logger,
    ...options,
  });
  const { state } = await coordinator.run();
  await bus.close();
  return sha256(encodePhi(config.network, new Float32Array(state.phi)));
}

describe('a run over NATS', { skip: WITHOUT_NATS }, () => {
  let expected: string;

  before(async () => {
    expected = await withFolder((folder) => trainSmall(folder));
  });

  for (const workers of [1, 3]) {
    it(`gives the φ of the embedded run with ${workers === 1 ? 'one worker' : `${workers} workers`}`, async (test) => {
      for (let i = 0; i < workers; i++) await startWorker(test, `w${i}`);
      assert.equal(await coordinate(test, `whole-${workers}`), expected);
    });
  }

  it('goes back to an earlier round with the workers that were there, and ends with the same φ', async (test) => {
    for (const id of ['back-a', 'back-b']) await startWorker(test, id);
    assert.equal(await coordinate(test, 'back'), expected);
    // 20 begins an episode, 17 is within one, and 41 is one that the workers have kept
    for (const fromRound of [0, 17, 20, 41]) {
      const started: number[] = [];
      const observer: CoordinatorOptions['observer'] = { started: (round) => started.push(round) };
      assert.equal(await coordinate(test, 'back', { fromRound, observer }), expected, `from ${fromRound}`);
      assert.deepEqual(started, [fromRound]);
    }
    await assert.rejects(coordinate(test, 'back', { fromRound: 44 }), (error) => {
      assert.ok(error instanceof UsageError);
      assert.equal(
        error.message,
        'Cannot go back to round 44: it must be of rounds 41 to 43, which the run can be recovered at',
      );
      return true;
    });
  });

  it('goes on where another coordinator left it, from its checkpoint and journal on the server', async (test) => {
    const stop = new AbortController();
    const rounds: number[] = [];
    const observer: CoordinatorOptions['observer'] = {
      started: (round, term) => rounds.push(round, term),
      round: ({ round }) => {
        if (round === 20) stop.abort();
      },
    };
    for (const id of ['a', 'b']) await startWorker(test, id);
    await coordinate(test, 'resumed', { signal: stop.signal, observer, checkpointSeconds: 0 });
    await startWorker(test, 'c');
    assert.equal(await coordinate(test, 'resumed', { observer }), expected);
    assert.deepEqual([rounds.slice(0, 2), rounds.at(-1)], [[0, 1], 2]);
    assert.ok(rounds[2]! >= 20, `${rounds}`);
  });
});
