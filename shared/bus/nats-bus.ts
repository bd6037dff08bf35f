/** The bus over NATS: coordinator and workers on any number of hosts. */
import { randomBytes } from 'node:crypto';
import { decodeReceived, encode } from '../codec.js';
import type { RunConfig } from '../config.js';
import { messageOf } from '../errors.js';
import type { Logger } from '../logger.js';
import { MessageChecker } from '../message-check.js';
import { PROTOCOL, type ToCoordinator, type ToWorker } from '../messages.js';
import type { Incoming, Lane } from '../nats/lane.js';
import type { NatsLink } from '../nats/link.js';
import { ShapeError } from '../shape.js';
import type { RunSubjects } from '../subjects.js';
import { BulkReceiver } from './bulk-receiver.js';
import { BulkSender } from './bulk-sender.js';
import { unbundle } from './bundle.js';
import type { Bus, Unsubscribe } from './bus.js';
import { DropLog } from './drop-log.js';
import { Handlers } from './handlers.js';
import { cut, decodePacket, encodePacket, type Packet, partBytes } from './packet.js';
import { Reassembler } from './reassembler.js';

/** What the bus of a role needs. */
export interface NatsBusOptions {
  link: NatsLink;
  subjects: RunSubjects;
  logger: Logger;
  /** The run's configuration, if it is known: the sizes in messages are then checked from the first one on. */
  config?: RunConfig;
  /** Milliseconds after which a result that is not answered is asked about again. @default 10 000 */
  answerMs?: number;
  /** Milliseconds for which `close` goes on sending results that are not received yet. @default 5000 */
  drainMs?: number;
}

/** What two sides of different versions must still be able to say to each other. */
const ANY_PROTOCOL: ReadonlySet<string> = new Set(['announce', 'hello', 'refuse', 'goodbye', 'finished']);

/** What a worker sends on the connection for results. A goodbye comes after them. */
const BULK: ReadonlySet<ToCoordinator['type']> = new Set(['result', 'evaluation', 'goodbye']);

/**
 * Results go in parts that the coordinator's side grants and acknowledges, each until it was received: they survive the
 * loss of a connection and of the coordinator, as long as another one asks for the same round. All else is sent once.
 * Whatever comes in is checked; what is not as it must be is dropped, counted, and said now and then.
 */
export class NatsBus implements Bus {
  readonly #link: NatsLink;
  readonly #subjects: RunSubjects;
  readonly #options: NatsBusOptions;
  readonly #checker: MessageChecker;
  readonly #drops: DropLog;
  readonly #receiver = new BulkReceiver();
  readonly #sender: BulkSender;
  #session = newSession();
  readonly #inbox: string;
  readonly #coordinator = new Handlers<ToCoordinator>();
  readonly #workers = new Map<string, Handlers<ToWorker>>();
  readonly #unreachable = new Handlers<string>();
  readonly #subscriptions = new Set<Unsubscribe>();
  #message = 0;
  #closing: Promise<void> | undefined;

  constructor(options: NatsBusOptions) {
    const { link, subjects, logger, config, answerMs = 10_000 } = options;
    this.#options = options;
    this.#link = link;
    this.#subjects = subjects;
    this.#checker = new MessageChecker(subjects.run, config);
    this.#drops = new DropLog(logger);
    this.#inbox = link.control.inbox();
    this.#sender = new BulkSender({
      request: (packet) => link.bulk.request(subjects.bulk, packet, answerMs),
      partBytes: () => partBytes(link.bulk.maxPayload),
      logger,
    });
    this.#subscriptions.add(link.bulk.onReconnect(() => this.#sender.wake()));
    this.#subscriptions.add(
      link.onReconnect(() => {
        this.#session = newSession();
      }),
    );
  }

  /** Messages that were dropped because they were not as they must be. */
  get dropped(): number {
    return this.#drops.dropped;
  }

  /** Bytes of results that workers may send now and that have not arrived. */
  get granted(): number {
    return this.#receiver.granted;
  }

  toCoordinator(message: ToCoordinator): void {
    if (this.#closing) return;
    if (BULK.has(message.type)) this.#sender.send(() => encode(message), message);
    else this.#publish(this.#subjects.mail, message);
  }

  toWorker(worker: string, message: ToWorker): void {
    // the server answers if nobody subscribes
    this.#publish(this.#subjects.worker(worker), message, `${this.#inbox}.${worker}`);
  }

  toAllWorkers(message: ToWorker): void {
    this.#publish(message.type === 'announce' ? this.#subjects.announcement : this.#subjects.all, message);
  }

  onCoordinator(handler: (message: ToCoordinator) => void): Unsubscribe {
    const { control, bulk } = this.#link;
    const reassembler = new Reassembler();
    return this.#coordinator.add(handler, () => [
      this.#listen(control, this.#subjects.mail, (incoming) => {
        const opened = this.#open(incoming, reassembler, (value) => this.#checker.toCoordinator(value));
        if (opened) this.#coordinator.call(opened.message);
      }),
      this.#listen(bulk, this.#subjects.bulk, (incoming) => this.#receiveBulk(incoming)),
    ]);
  }

  onWorker(worker: string, handler: (message: ToWorker) => void): Unsubscribe {
    const { announcement, all, worker: mailOf } = this.#subjects;
    const handlers = this.#workers.get(worker) ?? new Handlers<ToWorker>();
    this.#workers.set(worker, handlers);
    const reassembler = new Reassembler();
    let coordinator: string | undefined;
    const receive = (incoming: Incoming) => {
      const opened = this.#open(incoming, reassembler, (value) => this.#checker.toWorker(value));
      if (!opened) return;
      const { message, session } = opened;
      // the coordinator is there; another one, or one that was cut off, does not have what is under way
      if (coordinator === undefined || session === coordinator) this.#sender.wake();
      else this.#sender.again();
      coordinator = session;
      handlers.call(message);
    };
    return handlers.add(handler, () =>
      [announcement, all, mailOf(worker)].map((subject) => this.#listen(this.#link.control, subject, receive)),
    );
  }

  onUnreachable(handler: (worker: string) => void): Unsubscribe {
    return this.#unreachable.add(handler, () => [
      this.#listen(this.#link.control, `${this.#inbox}.*`, ({ subject, nobody }) => {
        if (nobody) this.#unreachable.call(subject.slice(this.#inbox.length + 1));
      }),
    ]);
  }

  onReconnect(handler: () => void): Unsubscribe {
    const end = this.#link.onReconnect(handler);
    this.#subscriptions.add(end);
    return end;
  }

  /** Resolves when the server has taken what was sent before, and the coordinator's side the results. */
  async flush(): Promise<void> {
    await this.#sender.idle();
    await Promise.all([this.#link.control.flush(), this.#link.bulk.flush()]);
  }

  /** Ends the bus. The link stays open. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    for (const end of this.#subscriptions) end();
    this.#subscriptions.clear();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.#options.drainMs ?? 5000);
    });
    await Promise.race([this.flush(), late]);
    clearTimeout(timer);
    this.#sender.close();
  }

  /** Subscribes until the end of the subscription or of the bus. */
  #listen(lane: Lane, subject: string, handler: (message: Incoming) => void): Unsubscribe {
    const end = lane.subscribe(subject, (message) => {
      if (!this.#closing) handler(message);
    });
    this.#subscriptions.add(end);
    return () => {
      this.#subscriptions.delete(end);
      end();
    };
  }

  #publish(subject: string, message: ToCoordinator | ToWorker, reply?: string): void {
    if (this.#closing) return;
    const { control } = this.#link;
    const bytes = encode(message);
    const parts = cut(bytes, partBytes(control.maxPayload));
    this.#message += 1;
    parts.forEach((payload, index) => {
      const place = { session: this.#session, message: this.#message, index, count: parts.length, size: bytes.length };
      control.publish(subject, encodePacket({ kind: 'part', ...place, payload }), reply);
    });
  }

  #receiveBulk({ subject, bytes, answer }: Incoming): void {
    const whole = this.#checked(subject, () => this.#receiver.receive(ofThisProtocol(decodePacket(bytes)), answer));
    if (!whole) return;
    for (const each of this.#checked(subject, () => unbundle(whole)) ?? []) {
      const message = this.#checked(subject, () => this.#checker.toCoordinator(decodeReceived(each)));
      if (message) this.#coordinator.call(message);
    }
  }

  /** The checked message that a packet completes, if it does, and the session of its sender. */
  #open<Message extends { type: string }>(
    { subject, bytes }: Incoming,
    reassembler: Reassembler,
    check: (value: unknown) => Message,
  ): { message: Message; session: string } | undefined {
    return this.#checked(subject, () => {
      const packet = decodePacket(bytes);
      const whole = reassembler.add(packet);
      if (!whole) return undefined;
      const message = check(decodeReceived(whole));
      if (!ANY_PROTOCOL.has(message.type)) ofThisProtocol(packet);
      return { message, session: packet.session };
    });
  }

  /** What `read` returns; if it throws, what came in was bad, and is dropped. */
  #checked<Result>(subject: string, read: () => Result): Result | undefined {
    try {
      return read();
    } catch (error) {
      this.#drops.drop(subject, messageOf(error));
      return undefined;
    }
  }
}

/** Names what a bus sends from its start, or from its connection's return, to the connection's loss. */
function newSession(): string {
  return randomBytes(8).toString('hex');
}

/** The packet, if it speaks our protocol; else throws ShapeError. */
function ofThisProtocol(packet: Packet): Packet {
  if (packet.protocol === PROTOCOL) return packet;
  throw new ShapeError(`it speaks protocol ${packet.protocol}, and this process protocol ${PROTOCOL}`);
}
