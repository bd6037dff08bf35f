/**
 * A coordinator's seat at a run on a NATS server: connection, lease, and entry in the list of runs. It leads the run's
 * members, one or many: they share these, the journal's stream and the checkpoint store, and each has its own subjects,
 * journal and folder.
 */
import { setMaxListeners } from 'node:events';
import { Coordinator, type CoordinatorOptions, type RunEnd } from '../../coordinator/coordinator.js';
import { NatsBus } from '../../shared/bus/nats-bus.js';
import { digestOf, type RunConfig } from '../../shared/config.js';
import { ClusterError } from '../../shared/errors.js';
import type { KeyPair } from '../../shared/keys.js';
import type { Logger } from '../../shared/logger.js';
import { JetStream } from '../../shared/nats/jetstream.js';
import { Lease } from '../../shared/nats/lease.js';
import { NatsLink } from '../../shared/nats/link.js';
import type { NatsOptions } from '../../shared/nats/options.js';
import { RunRegistry } from '../../shared/nats/run-registry.js';
import { runSubjects } from '../../shared/subjects.js';
import { timelineAt } from '../../shared/timeline.js';
import type { BusFigures } from '../operations/registry.js';
import { openMemberStores } from './member-stores.js';

/** Where to lead a run, and under which name. */
export interface SeatOptions {
  nats: NatsOptions;
  prefix: string;
  run: string;
  /** The name of this process: a holder of the lease with the same name is taken to be this one, restarted. */
  holder: string;
  /** Whether to wait as long as another process leads; otherwise only until the lease of a dead one has expired. */
  standby: boolean;
  /** Seconds to keep trying the first connection. */
  waitSeconds: number;
  /** Seconds without any worker after which the run ends with an error. */
  workerTimeout?: number;
  /** Seconds between two checkpoints. */
  checkpointSeconds?: number;
  /** The most bytes of journal on the server. */
  maxBytes?: number;
  /** Bytes of a member's records that memory keeps too. */
  keptBytes?: number;
  /** Servers of a cluster that hold a copy. */
  replicas?: number;
  /** The key pair that signs what is said to workers. @default a new one a member */
  signingKey?: KeyPair;
  /** Share of the work that two workers compute. @default 1 % */
  doubledShare?: number;
  /** The keys of the workers that may join, by name. @default any worker may join */
  listed?: ReadonlyMap<string, string>;
  /** Of the engine that computes the run. @default that of the first result */
  fingerprint?: string;
  /** Called when another process leads. */
  onStandby?: () => void;
}

/** What the run is, as the server lists it. */
export interface SeatedRun {
  /** What the run's stream belongs to: the digest of a run's configuration, or of a sweep's plan. */
  digest: string;
  /** The run's configuration; for a sweep, that of one of its members. */
  config: RunConfig;
  logger: Logger;
  signal: AbortSignal;
}

/** How a member is led. */
export type MemberOptions = Pick<
  CoordinatorOptions,
  'config' | 'phi' | 'start' | 'goal' | 'fromRound' | 'accept' | 'logger' | 'observer' | 'signal' | 'checkpointSeconds'
> & {
  /** The run's folder, which keeps copies of the journal and the checkpoints. */
  folder: string;
  /**
   * Whether the server drops the part of the journal that going on does not need, once the member's goal is reached.
   * @default false
   */
  lean?: boolean;
  /** Called before the first round with the coordinator, and a function that measures the traffic of the bus. */
  onLeading?: ((coordinator: Coordinator, traffic: () => BusFigures) => void) | undefined;
};

/** Without --standby: a lease that is held for longer belongs to a living coordinator. */
const LEASE_PATIENCE_MS = 15_000;

export class Seat {
  readonly registry: RunRegistry;
  readonly #options: SeatOptions;
  readonly #digest: string;
  readonly #link: NatsLink;
  readonly #jetStream: JetStream;
  readonly #lease: Lease;

  private constructor(
    options: SeatOptions,
    digest: string,
    { link, jetStream, registry, lease }: { link: NatsLink; jetStream: JetStream; registry: RunRegistry; lease: Lease },
  ) {
    this.#options = options;
    this.#digest = digest;
    this.registry = registry;
    this.#link = link;
    this.#jetStream = jetStream;
    this.#lease = lease;
    // one listener for every member that is led
    setMaxListeners(0, lease.lost);
  }

  /** Takes the seat; throws ClusterError if another process has it and this one does not stand by. */
  static async take(options: SeatOptions, { digest, config, logger, signal }: SeatedRun): Promise<Seat> {
    const { nats, prefix, run, holder, waitSeconds, replicas = 1 } = options;
    const link = await NatsLink.connect({ nats, name: `lopt coordinator ${holder}`, logger, waitSeconds, signal });
    try {
      const jetStream = await JetStream.open(link, { logger, signal });
      const registry = await RunRegistry.open(jetStream, { prefix, replicas });
      await registry.register({ run, digest, config });
      const lease = await acquire(registry, options, signal);
      return new Seat(options, digest, { link, jetStream, registry, lease });
    } catch (error) {
      await link.close();
      throw error;
    }
  }

  /** Leads a member until its goal, the signal, an error, or the loss of the seat. */
  async lead({ onLeading, lean = false, folder, ...options }: MemberOptions): Promise<RunEnd> {
    const { run, prefix, replicas, maxBytes, keptBytes, signingKey } = this.#options;
    const { workerTimeout, checkpointSeconds, doubledShare, listed, fingerprint } = this.#options;
    const { config, start, fromRound, accept, logger } = options;
    const { member } = config;
    const subjects = runSubjects(run, prefix, member);
    const { journal, checkpoints } = await openMemberStores({
      jetStream: this.#jetStream,
      subjects,
      digest: this.#digest,
      member,
      start: start?.round ?? 0,
      folder,
      accept: fromRound === undefined ? accept : undefined,
      logger,
      ...(replicas === undefined ? {} : { replicas }),
      ...(maxBytes === undefined ? {} : { maxBytes }),
      ...(keptBytes === undefined ? {} : { keptBytes }),
    });
    const bus = new NatsBus({ link: this.#link, subjects, logger, config, signingKey });
    const coordinator = new Coordinator({
      run,
      digest: digestOf(config),
      bus,
      journal,
      checkpoints,
      saveFirst: true,
      ...(workerTimeout === undefined ? {} : { workerTimeout }),
      ...(checkpointSeconds === undefined ? {} : { checkpointSeconds }),
      ...(doubledShare === undefined ? {} : { doubledShare }),
      ...(listed === undefined ? {} : { listed }),
      ...(fingerprint === undefined ? {} : { fingerprint }),
      ...options,
    });
    onLeading?.(coordinator, () => ({ ...this.#link.traffic(), droppedMessages: bus.dropped }));
    try {
      const end = await beforeAbort(this.#lease.lost, coordinator.run());
      // the last round has a checkpoint
      const { round, grown } = end.state;
      if (lean && !end.interrupted) await journal.purge(timelineAt(config, grown).oldestStart(round + 1) - 1);
      return end;
    } finally {
      // a server that is silent takes no leave either
      if (this.#jetStream.hasGivenUp) await this.#link.cut();
      await bus.close();
      await journal.close();
    }
  }

  /** Gives up the seat, and closes the connection. */
  async leave(): Promise<void> {
    await this.#lease.release();
    await this.#link.close();
  }
}

async function acquire(registry: RunRegistry, lead: SeatOptions, signal: AbortSignal): Promise<Lease> {
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
        const sentence = `Cannot coordinate run ${run}: ${other} already does; add --standby to take over when it is gone`;
        timer ??= setTimeout(() => patience.abort(new ClusterError(sentence)), LEASE_PATIENCE_MS);
      },
    });
  } finally {
    clearTimeout(timer);
  }
}

/** The outcome of the work; rejects with the reason of the signal if that comes first. */
async function beforeAbort<Result>(signal: AbortSignal, work: Promise<Result>): Promise<Result> {
  let fail: () => void = () => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    fail = () => reject(signal.reason as Error);
  });
  signal.addEventListener('abort', fail, { once: true });
  if (signal.aborted) fail();
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', fail);
  }
}
