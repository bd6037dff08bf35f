/** The small run on workers and a coordinator of this process, over a real nats-server. */
import type { TestContext } from 'node:test';
import { Checkpoints } from '../../coordinator/checkpoint.js';
import { Coordinator, type CoordinatorOptions } from '../../coordinator/coordinator.js';
import { nextRun } from '../../shared/bus/announcements.js';
import { NatsBus } from '../../shared/bus/nats-bus.js';
import { digestOf } from '../../shared/config.js';
import { JetStreamHistory } from '../../shared/journal/jetstream-history.js';
import { JetStreamJournal } from '../../shared/journal/jetstream-journal.js';
import { type Logger, silentLogger } from '../../shared/logger.js';
import type { AnnounceMessage } from '../../shared/messages.js';
import { JetStream } from '../../shared/nats/jetstream.js';
import type { NatsLink } from '../../shared/nats/link.js';
import { ObjectBlobs } from '../../shared/nats/object-blobs.js';
import { encodePhi } from '../../shared/phi-format.js';
import { runSubjects } from '../../shared/subjects.js';
import { Pool } from '../../worker/pool.js';
import { Worker } from '../../worker/worker.js';
import { connectTo, type TestServer } from '../fixtures/nats-server.js';
import { SMALL_ROUNDS, sha256, smallRun, startOf } from './harness.js';

/** What a test is told of the buses. */
export interface Watched {
  logger?: Logger;
  onBus?: (bus: NatsBus) => void;
}

/** A worker that waits for a run and serves it; resolves when it listens. It is gone when the test ends. */
export async function startWorker(
  test: TestContext,
  server: TestServer,
  id: string,
  watched: Watched = {},
): Promise<void> {
  const { logger = silentLogger } = watched;
  const link = await connectTo(test, server);
  const stop = new AbortController();
  const serving = serve(link, id, nextRun({ link, logger }, { signal: stop.signal }), watched);
  await link.control.flush();
  test.after(async () => {
    stop.abort();
    const leave = await serving;
    await leave();
  });
}

async function serve(
  link: NatsLink,
  id: string,
  announced: Promise<AnnounceMessage>,
  { logger = silentLogger, onBus }: Watched,
): Promise<() => Promise<void>> {
  const run = await announced.catch(() => undefined);
  if (!run) return async () => {};
  const subjects = runSubjects(run.run);
  const bus = new NatsBus({ link, subjects, logger, drainMs: 0 });
  onBus?.(bus);
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
export async function coordinate(
  test: TestContext,
  server: TestServer,
  run: string,
  { onBus, ...options }: Partial<CoordinatorOptions> & Watched = {},
): Promise<string> {
  const { config } = await smallRun();
  const { logger = silentLogger } = options;
  const subjects = runSubjects(run);
  const digest = digestOf(config);
  const link = await connectTo(test, server);
  const jetStream = await JetStream.open(link, { logger });
  const bus = new NatsBus({ link, subjects, logger, config });
  onBus?.(bus);
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
  return sha256(encodePhi(config.architecture, new Float32Array(state.phi)));
}
