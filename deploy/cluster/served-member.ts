/** One member of a run in a worker process: its bus, its worker, and its past φ's. */
import { NatsBus } from '../../shared/bus/nats-bus.js';
import { JetStreamHistory } from '../../shared/journal/jetstream-history.js';
import type { KeyPair } from '../../shared/keys.js';
import type { Logger } from '../../shared/logger.js';
import type { AnnounceMessage } from '../../shared/messages.js';
import type { JetStream } from '../../shared/nats/jetstream.js';
import type { NatsLink } from '../../shared/nats/link.js';
import { runSubjects } from '../../shared/subjects.js';
import type { WorkerObserver } from '../../worker/observer.js';
import type { Pool } from '../../worker/pool.js';
import { Worker } from '../../worker/worker.js';

/** What all members of a run share. */
export interface ServiceOptions {
  link: NatsLink;
  jetStream: JetStream;
  prefix: string;
  /** The worker's name. */
  id: string;
  /** The worker's X25519 key pair. @default a new one a member */
  key?: KeyPair | undefined;
  /** Public keys of the coordinators to work for. @default any */
  trusted?: readonly string[] | undefined;
  pool: Pool;
  logger: Logger;
  observer?: WorkerObserver;
  /** Where the problems' data lie here, by option. */
  folders?: Readonly<Record<string, string>>;
  /** Milliseconds for which a worker that leaves finishes what it is computing. @default 30 000 */
  drainMs?: number;
}

/** A member is over if its coordinator said so and has not announced it again for this long. */
const OVER_MS = 3000;

export class ServedMember {
  readonly digest: string;
  readonly member: number;
  readonly #pool: Pool;
  readonly #bus: NatsBus;
  readonly #worker: Worker;
  readonly #drainMs: number;
  #finished = false;
  #heardAt = performance.now();
  #closed: Promise<void> | undefined;

  /** @param onFailed called if the member cannot be served here */
  constructor(options: ServiceOptions, announced: AnnounceMessage, onFailed: (error: Error) => void) {
    const { run, digest, config } = announced;
    const { link, jetStream, prefix, id, key, trusted, pool, logger, observer, folders, drainMs = 30_000 } = options;
    const { member } = config;
    const subjects = runSubjects(run, prefix, member);
    this.digest = digest;
    this.member = member;
    this.#pool = pool;
    this.#drainMs = drainMs;
    this.#bus = new NatsBus({ link, subjects, logger, config, key, trusted });
    this.#bus.follow(announced);
    this.#worker = new Worker({
      id,
      bus: this.#bus,
      pool,
      history: new JetStreamHistory({ jetStream, subjects, member }),
      logger,
      incarnation: process.pid,
      onFailed,
      onFinished: () => {
        this.#finished = true;
      },
      ...(observer ? { observer } : {}),
      ...(folders ? { folders } : {}),
    });
    // the next announcement is a second away
    this.#worker.hear(announced);
  }

  /** Messages that were dropped because they were malformed. */
  get dropped(): number {
    return this.#bus.dropped;
  }

  /** Notes that it was announced. */
  heard(): void {
    this.#finished = false;
    this.#heardAt = performance.now();
  }

  /** Whether its coordinator has said something lately, and not that the member is over. */
  get isLed(): boolean {
    return this.#bus.isLed && !this.#finished;
  }

  get isOver(): boolean {
    return this.#finished && performance.now() - this.#heardAt > OVER_MS;
  }

  /** Finishes and sends what it is computing, and leaves; what takes too long is left to others. */
  async drain(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.#drainMs);
    });
    await Promise.race([this.#worker.drain(), late]);
    clearTimeout(timer);
    await this.close();
  }

  /** Ends it; discards what it is still computing. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#worker.abandon();
    this.#pool.retire(this.digest);
    await this.#bus.close();
  }
}
