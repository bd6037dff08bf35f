/** A worker process: serves announced runs, one after another. */
import { nextRun, onAnnouncement } from '../../shared/bus/announcements.js';
import { NatsBus } from '../../shared/bus/nats-bus.js';
import { JetStreamHistory } from '../../shared/journal/jetstream-history.js';
import type { Logger } from '../../shared/logger.js';
import type { AnnounceMessage } from '../../shared/messages.js';
import { JetStream } from '../../shared/nats/jetstream.js';
import { NatsLink } from '../../shared/nats/link.js';
import type { NatsOptions } from '../../shared/nats/options.js';
import { runSubjects } from '../../shared/subjects.js';
import type { WorkerObserver } from '../../worker/observer.js';
import type { Pool } from '../../worker/pool.js';
import { Worker } from '../../worker/worker.js';
import type { BusFigures } from '../operations/registry.js';

export interface ServeOptions {
  nats: NatsOptions;
  prefix: string;
  /** Its name among the workers. */
  id: string;
  pool: Pool;
  logger: Logger;
  /** Serves this run alone; by default whichever is announced. */
  run?: string;
  /** Seconds for which the first connection is tried again. */
  waitSeconds: number;
  /** Ends the worker when it has sent what it computes. */
  signal: AbortSignal;
  observer?: WorkerObserver;
  /** Where the problems' data lie here, by option. */
  folders?: Readonly<Record<string, string>>;
  onConnected?: (traffic: () => BusFigures) => void;
}

/** Without an announcement for so long, a run is over, or its coordinator gone: another one is welcome. */
const FORGOTTEN_MS = 10_000;

/** Serves until the signal. Throws where the one run that it is to serve refuses it, or fails here. */
export async function serveRuns(options: ServeOptions): Promise<void> {
  const { nats, id, logger, waitSeconds, signal } = options;
  const link = await NatsLink.connect({ nats, name: `lopt worker ${id}`, logger, waitSeconds, signal });
  try {
    const jetStream = await JetStream.open(link, { logger });
    let dropped = () => 0;
    options.onConnected?.(() => ({ ...link.traffic(), droppedMessages: dropped() }));
    /** Runs, by digest, that this worker cannot serve. */
    const hopeless = new Set<string>();
    while (!signal.aborted) {
      const accept = ({ run, digest }: AnnounceMessage) =>
        (options.run === undefined || run === options.run) && !hopeless.has(digest);
      const announced = await nextRun({ link, prefix: options.prefix, logger }, { accept, signal });
      const bus = new NatsBus({
        link,
        subjects: runSubjects(announced.run, options.prefix),
        logger,
        config: announced.config,
      });
      dropped = () => bus.dropped;
      try {
        await serveRun(options, link, jetStream, bus, announced);
      } catch (error) {
        if (options.run !== undefined) throw error;
        logger.error(`${(error as Error).message}; run ${announced.run} is left to others`);
        hopeless.add(announced.digest);
      } finally {
        await bus.close();
      }
    }
  } catch (error) {
    // told to end while it had no run
    if (!signal.aborted || error !== signal.reason) throw error;
  } finally {
    await link.close();
  }
}

/** Works for one run until the signal, or until it is silent and another one is not. Throws where it cannot go on. */
async function serveRun(
  { id, pool, prefix, logger, observer, folders, signal }: ServeOptions,
  link: NatsLink,
  jetStream: JetStream,
  bus: NatsBus,
  { run }: AnnounceMessage,
): Promise<void> {
  logger.info(`Working for run ${run}`, { run, worker: id });
  let leave: () => void = () => {};
  let fail: (error: Error) => void = () => {};
  const over = new Promise<void>((resolve, reject) => {
    leave = resolve;
    fail = reject;
  });
  const worker = new Worker({
    id,
    bus,
    pool,
    history: new JetStreamHistory({ jetStream, subjects: runSubjects(run, prefix) }),
    logger,
    incarnation: process.pid,
    onFailed: fail,
    ...(observer ? { observer } : {}),
    ...(folders ? { folders } : {}),
  });
  let heardAt = performance.now();
  const end = onAnnouncement({ link, prefix, logger }, (announced) => {
    if (announced.run === run) heardAt = performance.now();
    else if (performance.now() - heardAt > FORGOTTEN_MS) leave();
  });
  signal.addEventListener('abort', leave, { once: true });
  try {
    if (!signal.aborted) await over;
    await worker.drain();
  } finally {
    signal.removeEventListener('abort', leave);
    end();
  }
}
