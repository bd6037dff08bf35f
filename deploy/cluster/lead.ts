/** Leads a run over NATS: lease, journal, checkpoints, bus, and the entry by which `lopt status` finds it. */
import { Checkpoints } from '../../coordinator/checkpoint.js';
import { Coordinator, type RunEnd } from '../../coordinator/coordinator.js';
import { NatsBus } from '../../shared/bus/nats-bus.js';
import { digestOf } from '../../shared/config.js';
import { ClusterError } from '../../shared/errors.js';
import { JetStreamJournal } from '../../shared/journal/jetstream-journal.js';
import { JetStream } from '../../shared/nats/jetstream.js';
import { Lease } from '../../shared/nats/lease.js';
import { NatsLink } from '../../shared/nats/link.js';
import { ObjectBlobs } from '../../shared/nats/object-blobs.js';
import type { NatsOptions } from '../../shared/nats/options.js';
import { type RunBeat, RunRegistry } from '../../shared/nats/run-registry.js';
import { runSubjects } from '../../shared/subjects.js';
import type { LaunchOptions } from '../conduct.js';
import type { BusFigures } from '../operations/registry.js';
import { observeAll } from '../progress.js';

/** Where and as whom a run is led. */
export interface LeadOptions {
  nats: NatsOptions;
  prefix: string;
  run: string;
  /** A holder of the lease of the same name is taken to be this one, started again. */
  holder: string;
  /** Waits for as long as another one leads; otherwise only until a dead one's lease has run out. */
  standby: boolean;
  /** Seconds for which the first connection is tried again. */
  waitSeconds: number;
  /** Seconds without any worker after which the run ends with an error. */
  workerTimeout?: number;
  /** Seconds between two checkpoints. */
  checkpointSeconds?: number;
  /** Bytes that the server may hold of the journal. */
  maxBytes?: number;
  /** Servers of a cluster that hold a copy. */
  replicas?: number;
  /** Told that another one leads. */
  onStandby?: () => void;
  /** Told of what goes over the bus, once there is one, and of who works. */
  onLeading?: (coordinator: Coordinator, traffic: () => BusFigures) => void;
}

const BEAT_MS = 1000;
/** Without --standby, a lease that is held for longer is a living coordinator's. */
const LEASE_PATIENCE_MS = 15_000;

/** Trains until the goal, the signal, `lopt stop`, or an error. */
export async function leadRun(lead: LeadOptions, options: LaunchOptions): Promise<RunEnd> {
  const { nats, prefix, run, holder, waitSeconds, replicas = 1, maxBytes } = lead;
  const { config, logger, signal } = options;
  const digest = digestOf(config);
  const subjects = runSubjects(run, prefix);
  const link = await NatsLink.connect({ nats, name: `lopt coordinator ${holder}`, logger, waitSeconds, signal });
  const cleanUp: (() => Promise<void>)[] = [() => link.close()];
  try {
    const jetStream = await JetStream.open(link, { logger });
    const registry = await RunRegistry.open(jetStream, { prefix, replicas });
    await registry.register({ run, digest, config });
    const lease = await acquire(registry, lead, signal);
    cleanUp.unshift(() => lease.release());
    const stored = { jetStream, subjects, digest, logger, replicas, ...(maxBytes === undefined ? {} : { maxBytes }) };
    const journal = await JetStreamJournal.open(stored);
    cleanUp.unshift(() => journal.close());
    const folder = `member-${config.member}`;
    const blobs = new ObjectBlobs({ jetStream, bucket: subjects.checkpoints, folder, replicas });
    const bus = new NatsBus({ link, subjects, logger, config });
    cleanUp.unshift(() => bus.close());
    const stop = new AbortController();
    const beats = new Beats(
      registry,
      run,
      () => coordinator.members.length,
      () => stop.abort(),
    );
    const coordinator = new Coordinator({
      run,
      digest,
      bus,
      journal,
      checkpoints: new Checkpoints(blobs),
      ...(lead.workerTimeout === undefined ? {} : { workerTimeout: lead.workerTimeout }),
      ...(lead.checkpointSeconds === undefined ? {} : { checkpointSeconds: lead.checkpointSeconds }),
      ...options,
      observer: observeAll(options.observer, beats),
      signal: AbortSignal.any([signal, stop.signal]),
    });
    lead.onLeading?.(coordinator, () => ({ ...link.traffic(), droppedMessages: bus.dropped }));
    return await beats.during(Promise.race([coordinator.run(), failureOf(lease.lost)]));
  } finally {
    for (const close of cleanUp) await close();
  }
}

/** The lease; throws ClusterError where another one has it and this one does not stand by. */
async function acquire(registry: RunRegistry, lead: LeadOptions, signal: AbortSignal): Promise<Lease> {
  const { run, holder, standby, onStandby } = lead;
  const patience = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  try {
    return await Lease.acquire({
      values: registry.values,
      run,
      holder,
      signal: AbortSignal.any([signal, patience.signal]),
      onWaiting(other) {
        onStandby?.();
        if (standby) return;
        const sentence = `Cannot coordinate run ${run}: ${other} does; add --standby to take over when it is gone`;
        timer ??= setTimeout(() => patience.abort(new ClusterError(sentence)), LEASE_PATIENCE_MS);
      },
    });
  } finally {
    clearTimeout(timer);
  }
}

/** Rejects with the reason of a signal when it comes. */
function failureOf(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const fail = () => reject(signal.reason as Error);
    if (signal.aborted) fail();
    else signal.addEventListener('abort', fail, { once: true });
  });
}

/** Says in the registry how the run is doing, and looks there whether it is to end. */
class Beats {
  readonly #registry: RunRegistry;
  readonly #run: string;
  readonly #workers: () => number;
  readonly #onStop: () => void;
  readonly #beat: Omit<RunBeat, 'at'> = { state: 'running', term: 0, round: 0, plannedRounds: 0, workers: 0 };
  #busy = false;

  constructor(registry: RunRegistry, run: string, workers: () => number, onStop: () => void) {
    this.#registry = registry;
    this.#run = run;
    this.#workers = workers;
    this.#onStop = onStop;
  }

  started(round: number, term: number): void {
    Object.assign(this.#beat, { round, term });
  }

  planned(rounds: number): void {
    this.#beat.plannedRounds = rounds;
  }

  round({ round }: { round: number }): void {
    this.#beat.round = round;
  }

  async during(run: Promise<RunEnd>): Promise<RunEnd> {
    const timer = setInterval(() => void this.#look(), BEAT_MS);
    try {
      const end = await run;
      await this.#say(end.interrupted ? 'interrupted' : 'finished');
      return end;
    } catch (error) {
      await this.#say('failed').catch(() => {}); // the error says more
      throw error;
    } finally {
      clearInterval(timer);
    }
  }

  async #look(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      await this.#say('running');
      if (await this.#registry.stopRequested(this.#run)) this.#onStop();
    } catch {
      // the registry is for people: the run does not depend on it
    } finally {
      this.#busy = false;
    }
  }

  async #say(state: RunBeat['state']): Promise<void> {
    await this.#registry.beat(this.#run, { ...this.#beat, state, workers: this.#workers() });
  }
}
