/** The bus over NATS: coordinator and workers on any number of hosts. */
import type { RunConfig } from '../config.js';
import type { KeyPair } from '../keys.js';
import type { Logger } from '../logger.js';
import { MessageChecker } from '../message-check.js';
import type { AnnounceMessage, ToCoordinator, ToWorker } from '../messages.js';
import type { NatsLink } from '../nats/link.js';
import type { RunSubjects } from '../subjects.js';
import type { Address, Bus, Unsubscribe } from './bus.js';
import { DropLog } from './drop-log.js';
import { NatsCoordinator } from './nats-coordinator.js';
import { NatsSpeaker } from './nats-speaker.js';
import { NatsWorkers } from './nats-workers.js';

/** What the bus of a role needs. */
export interface NatsBusOptions {
  link: NatsLink;
  subjects: RunSubjects;
  logger: Logger;
  /** The run's configuration, if it is known: the sizes in messages are then checked from the first one on. */
  config?: RunConfig | undefined;
  /** The workers' X25519 key pair. @default a new one */
  key?: KeyPair | undefined;
  /** The coordinator's Ed25519 key pair. @default a new one */
  signingKey?: KeyPair | undefined;
  /** Public keys of the coordinators that workers may follow. @default anybody's */
  trusted?: readonly string[] | undefined;
  /** Milliseconds after which a result that is not answered is asked about again. @default 10 000 */
  answerMs?: number | undefined;
  /** Milliseconds for which `close` goes on sending results that are not received yet. @default 5000 */
  drainMs?: number;
}

/**
 * Results go in parts that the coordinator's side grants and acknowledges, each until it was received: they survive the
 * loss of a connection and of the coordinator, as long as another one asks for the same round. All else is sent once.
 * Whatever comes in is checked; what is not as it must be is dropped, counted, and said now and then.
 *
 * Everything is sealed (seals.ts): a worker's address is its name and its key, and workers hear the coordinator that they
 * follow.
 */
export class NatsBus implements Bus {
  readonly #link: NatsLink;
  readonly #drainMs: number;
  readonly #drops: DropLog;
  readonly #speaker: NatsSpeaker;
  readonly #coordinator: NatsCoordinator;
  readonly #workers: NatsWorkers;
  #closing: Promise<void> | undefined;

  constructor({ link, subjects, logger, config, drainMs = 5000, ...options }: NatsBusOptions) {
    const checker = new MessageChecker(subjects.run, config);
    this.#link = link;
    this.#drainMs = drainMs;
    this.#drops = new DropLog(logger);
    this.#speaker = new NatsSpeaker(link, this.#drops);
    const common = { link, subjects, speaker: this.#speaker, checker, logger, ...options };
    this.#coordinator = new NatsCoordinator(common);
    this.#workers = new NatsWorkers(common);
  }

  /** Messages that were dropped because they were not as they must be. */
  get dropped(): number {
    return this.#drops.dropped;
  }

  /** Bytes of results that workers may send now and that have not arrived. */
  get granted(): number {
    return this.#coordinator.granted;
  }

  /** Whether the coordinator that the workers follow has said something lately. */
  get isLed(): boolean {
    return this.#workers.isLed;
  }

  /** Where a worker of this name on this bus is reached. */
  addressOf(worker: string): Address {
    return this.#workers.addressOf(worker);
  }

  /** An announcement as the coordinator sends it: with the keys that workers need to follow it. */
  signed(announced: AnnounceMessage): AnnounceMessage {
    return this.#coordinator.signed(announced);
  }

  /** Has the workers follow the coordinator of an announcement that came before this bus listened. */
  follow(announced: AnnounceMessage): void {
    this.#workers.follow(announced);
  }

  toCoordinator(message: ToCoordinator): void {
    if (!this.#closing) this.#workers.send(message);
  }

  toWorker(worker: Address, message: ToWorker): void {
    this.#coordinator.toWorker(worker, message);
  }

  toAllWorkers(message: ToWorker): void {
    this.#coordinator.toAllWorkers(message);
  }

  onCoordinator(
    handler: (message: ToCoordinator, from: Address) => void,
    isMember: (worker: Address) => boolean = () => true,
  ): Unsubscribe {
    return this.#coordinator.onMail(handler, isMember);
  }

  onWorker(worker: string, handler: (message: ToWorker) => void): Unsubscribe {
    return this.#workers.onMail(worker, handler);
  }

  onUnreachable(handler: (worker: Address) => void): Unsubscribe {
    return this.#coordinator.onUnreachable(handler);
  }

  onReconnect(handler: () => void): Unsubscribe {
    return this.#speaker.onReconnect(handler);
  }

  /** Resolves when the server has taken what was sent before, and the coordinator's side the results. */
  async flush(): Promise<void> {
    await this.#workers.idle();
    await Promise.all([this.#link.control.flush(), this.#link.bulk.flush()]);
  }

  /** Ends the bus. The link stays open. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#speaker.close();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.#drainMs);
    });
    await Promise.race([this.flush(), late]);
    clearTimeout(timer);
    this.#workers.close();
  }
}
