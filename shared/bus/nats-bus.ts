/** The bus over NATS: coordinator and workers on any number of hosts. */
import { decodeReceived, encode } from '../codec.js';
import type { RunConfig } from '../config.js';
import { messageOf } from '../errors.js';
import { type KeyPair, newKeyPair } from '../keys.js';
import type { Logger } from '../logger.js';
import { MessageChecker } from '../message-check.js';
import type { AnnounceMessage, ToCoordinator, ToWorker } from '../messages.js';
import type { Incoming, Lane } from '../nats/lane.js';
import type { NatsLink } from '../nats/link.js';
import { ShapeError } from '../shape.js';
import type { RunSubjects } from '../subjects.js';
import { BulkReceiver } from './bulk-receiver.js';
import { BulkSender } from './bulk-sender.js';
import { unbundle } from './bundle.js';
import type { Address, Bus, Unsubscribe } from './bus.js';
import { DropLog } from './drop-log.js';
import { Freshness, newSession } from './freshness.js';
import { Handlers } from './handlers.js';
import { Leader } from './leader.js';
import { cut, type Packet, type PacketFields, partBytes } from './packet.js';
import { Reassembler } from './reassembler.js';
import { addressOf, CoordinatorSealer, openSigned, partsOf, WorkerSealer } from './seals.js';

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
  answerMs?: number;
  /** Milliseconds for which `close` goes on sending results that are not received yet. @default 5000 */
  drainMs?: number;
}

/** What a worker sends on the connection for results. A goodbye comes after them. */
const BULK: ReadonlySet<ToCoordinator['type']> = new Set(['result', 'evaluation', 'goodbye']);

/** The coordinator's mail is short: the longest is a heartbeat of many ranges. */
const MAIL_BYTES = { messageBytes: 2 * 2 ** 20, heldBytes: 32 * 2 ** 20 };

/** A message to the coordinator, and the worker that the bus has proven to have sent it. */
interface Mail {
  message: ToCoordinator;
  from: Address;
}

/**
 * Results go in parts that the coordinator's side grants and acknowledges, each until it was received: they survive the
 * loss of a connection and of the coordinator, as long as another one asks for the same round. All else is sent once.
 * Whatever comes in is checked; what is not as it must be is dropped, counted, and said now and then.
 *
 * Everything is sealed (seals.ts): a worker's address is its name and its key. A worker can be heard, and hears anything
 * but announcements, only once it follows a coordinator.
 */
export class NatsBus implements Bus {
  readonly #link: NatsLink;
  readonly #subjects: RunSubjects;
  readonly #options: NatsBusOptions;
  readonly #checker: MessageChecker;
  readonly #drops: DropLog;
  readonly #receiver = new BulkReceiver();
  /** By worker. */
  readonly #senders = new Map<string, BulkSender>();
  readonly #heard = new Freshness();
  readonly #leader: Leader;
  readonly #key: KeyPair;
  #ownSealer: CoordinatorSealer | undefined;
  #workerSealer: { agree: string; sealer: WorkerSealer } | undefined;
  #session = newSession();
  readonly #inbox: string;
  readonly #coordinator = new Handlers<Mail>();
  #isMember: (worker: Address) => boolean = () => true;
  readonly #workers = new Map<string, Handlers<ToWorker>>();
  readonly #unreachable = new Handlers<Address>();
  readonly #subscriptions = new Set<Unsubscribe>();
  #message = 0;
  #closing: Promise<void> | undefined;

  constructor(options: NatsBusOptions) {
    const { link, subjects, logger, config, key, trusted } = options;
    this.#options = options;
    this.#link = link;
    this.#subjects = subjects;
    this.#checker = new MessageChecker(subjects.run, config);
    this.#drops = new DropLog(logger);
    this.#leader = new Leader({ trusted });
    this.#key = key ?? newKeyPair('x25519');
    this.#inbox = link.control.inbox();
    this.#subscriptions.add(link.bulk.onReconnect(() => this.#wakeSenders()));
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

  /** Where a worker of this name on this bus is reached. */
  addressOf(worker: string): Address {
    return addressOf(worker, this.#key.publicKey);
  }

  /** Whether the coordinator that is followed has said something lately. */
  get isLed(): boolean {
    return this.#leader.isHeard;
  }

  /** An announcement, with the keys of this bus: what workers must know to follow it. */
  signed(announced: AnnounceMessage): AnnounceMessage {
    return { ...announced, keys: this.#asCoordinator().keys };
  }

  /** Follows the coordinator of an announcement that came before this bus listened. */
  follow(announced: AnnounceMessage): void {
    this.#leader.hear(announced);
  }

  toCoordinator(message: ToCoordinator): void {
    if (this.#closing) return;
    if (BULK.has(message.type)) this.#senderOf(message.worker).send(() => encode(message), message);
    else this.#publish(message, (fields) => [this.#subjects.mail, this.#asWorker()?.seal(message.worker, fields)]);
  }

  toWorker(worker: Address, message: ToWorker): void {
    // the server answers if nobody subscribes
    this.#say(this.#subjects.worker(worker), message, `${this.#inbox}.${worker}`);
  }

  toAllWorkers(message: ToWorker): void {
    if (message.type === 'announce') this.#say(this.#subjects.announcement, this.signed(message));
    else this.#say(this.#subjects.all, message);
  }

  onCoordinator(
    handler: (message: ToCoordinator, from: Address) => void,
    isMember: (worker: Address) => boolean = () => true,
  ): Unsubscribe {
    const { control, bulk } = this.#link;
    const reassembler = new Reassembler(MAIL_BYTES);
    this.#isMember = isMember;
    return this.#coordinator.add(
      ({ message, from }) => handler(message, from),
      () => [
        this.#listen(control, this.#subjects.mail, (incoming) => this.#receiveMail(incoming, reassembler)),
        this.#listen(bulk, this.#subjects.bulk, (incoming) => this.#receiveBulk(incoming)),
      ],
    );
  }

  onWorker(worker: string, handler: (message: ToWorker) => void): Unsubscribe {
    const { announcement, all, worker: mailOf } = this.#subjects;
    const mail = mailOf(this.addressOf(worker));
    const handlers = this.#workers.get(worker) ?? new Handlers<ToWorker>();
    this.#workers.set(worker, handlers);
    const reassembler = new Reassembler();
    const heard = new Freshness();
    let leader = { agree: '', session: '' };
    const receive = (incoming: Incoming) => {
      const opened = this.#open(incoming, reassembler, heard);
      if (!opened) return;
      const { message, packet } = opened;
      const { agree } = this.#leader.keys!;
      // another one than before: nothing of the one before counts any more
      if (message.type === 'announce' && agree !== leader.agree) heard.restart([announcement, all, mail], packet);
      // the coordinator is there; another one, or one that was cut off, does not have what is under way
      const isSame = agree === leader.agree && packet.session === leader.session;
      if (leader.agree === '' || isSame) this.#wakeSenders();
      else for (const sender of this.#senders.values()) sender.again();
      leader = { agree, session: packet.session };
      handlers.call(message);
    };
    return handlers.add(handler, () =>
      [announcement, all, mail].map((subject) => this.#listen(this.#link.control, subject, receive)),
    );
  }

  onUnreachable(handler: (worker: Address) => void): Unsubscribe {
    return this.#unreachable.add(handler, () => [
      this.#listen(this.#link.control, `${this.#inbox}.>`, ({ subject, nobody }) => {
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
    await Promise.all([...this.#senders.values()].map((sender) => sender.idle()));
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
    for (const sender of this.#senders.values()) sender.close();
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

  /** Speaks as the coordinator. */
  #say(subject: string, message: ToWorker, reply?: string): void {
    const sealer = this.#asCoordinator();
    this.#publish(message, (fields) => [subject, sealer.seal(subject, fields)], reply);
  }

  /** Sends a message in parts. Those that cannot be sealed are lost: nobody is there yet who could open them. */
  #publish(
    message: ToCoordinator | ToWorker,
    seal: (fields: PacketFields) => [subject: string, packet: Uint8Array | undefined],
    reply?: string,
  ): void {
    if (this.#closing) return;
    const { control } = this.#link;
    const bytes = encode(message);
    const parts = cut(bytes, partBytes(control.maxPayload));
    this.#message += 1;
    parts.forEach((payload, index) => {
      const place = { session: this.#session, message: this.#message, index, count: parts.length, size: bytes.length };
      const [subject, packet] = seal({ kind: 'part', ...place, payload });
      if (packet) control.publish(subject, packet, reply);
    });
  }

  #asCoordinator(): CoordinatorSealer {
    const { signingKey = newKeyPair('ed25519') } = this.#options;
    this.#ownSealer ??= new CoordinatorSealer(this.#subjects.mail, signingKey, newKeyPair('x25519'));
    return this.#ownSealer;
  }

  /** What seals for the coordinator that is followed; undefined before the first. */
  #asWorker(): WorkerSealer | undefined {
    const agree = this.#leader.keys?.agree;
    if (agree !== undefined && agree !== this.#workerSealer?.agree) {
      this.#workerSealer = { agree, sealer: new WorkerSealer(this.#subjects.mail, this.#key, agree) };
    }
    return this.#workerSealer?.sealer;
  }

  #senderOf(worker: string): BulkSender {
    const { logger, answerMs = 10_000 } = this.#options;
    const { bulk } = this.#link;
    const known = this.#senders.get(worker);
    if (known) return known;
    const sender = new BulkSender({
      request: async (fields) => {
        const sealer = this.#asWorker();
        if (!sealer) return undefined;
        const answer = await bulk.request(this.#subjects.bulk, sealer.seal(worker, fields), answerMs);
        return answer && sealer.openAnswer(answer);
      },
      partBytes: () => partBytes(bulk.maxPayload),
      logger,
    });
    this.#senders.set(worker, sender);
    return sender;
  }

  #wakeSenders(): void {
    for (const sender of this.#senders.values()) sender.wake();
  }

  #receiveMail({ subject, bytes }: Incoming, reassembler: Reassembler): void {
    const message = this.#checked(subject, () => {
      const { packet, from } = this.#asCoordinator().open(bytes);
      checkFresh(this.#heard, from, packet);
      const whole = reassembler.add({ ...packet, session: `${from}/${packet.session}` });
      if (!whole) return undefined;
      this.#heard.came(from, packet);
      return this.#messageFrom(from, whole);
    });
    if (message) this.#coordinator.call(message);
  }

  #receiveBulk({ subject, bytes, answer }: Incoming): void {
    const sealer = this.#asCoordinator();
    const received = this.#checked(subject, () => {
      const { packet, from } = sealer.open(bytes);
      const source = { from, isMember: this.#isMember(from) };
      const whole = this.#receiver.receive(packet, source, (fields) => answer(sealer.sealAnswer(from, fields)));
      return whole && { from, whole };
    });
    if (!received) return;
    for (const each of this.#checked(subject, () => unbundle(received.whole)) ?? []) {
      const message = this.#checked(subject, () => this.#messageFrom(received.from, each));
      if (message) this.#coordinator.call(message);
    }
  }

  /** The checked message of a worker; throws ShapeError if it is none, or names another worker. */
  #messageFrom(from: Address, bytes: Uint8Array): Mail {
    const message = this.#checker.toCoordinator(decodeReceived(bytes));
    if (message.worker !== partsOf(from).worker) throw new ShapeError('it must name the worker that sent it');
    return { message, from };
  }

  /** The checked message that a packet completes, if it does and the worker follows its sender. */
  #open(
    { subject, bytes }: Incoming,
    reassembler: Reassembler,
    heard: Freshness,
  ): { message: ToWorker; packet: Packet } | undefined {
    return this.#checked(subject, () => {
      const { packet, signer } = openSigned(subject, bytes);
      const isAnnouncement = subject === this.#subjects.announcement;
      const isFollowed = signer === this.#leader.keys?.sign;
      if (!isAnnouncement && !isFollowed) throw new ShapeError('it comes from no coordinator that this worker follows');
      if (!isAnnouncement) checkFresh(heard, subject, packet);
      const whole = reassembler.add({ ...packet, session: `${signer}/${packet.session}` });
      if (!whole) return undefined;
      const message = this.#checker.toWorker(decodeReceived(whole));
      if ((message.type === 'announce') !== isAnnouncement)
        throw new ShapeError(`it is ${message.type}, on another subject`);
      if (message.type === 'announce') {
        if (message.keys?.sign !== signer) throw new ShapeError('it announces the keys of another coordinator');
        // another process may have another clock: whether it is followed is said by its term
        if (message.keys.agree === this.#leader.keys?.agree) checkFresh(heard, subject, packet);
        const why = this.#leader.hear(message);
        if (why !== undefined) throw new ShapeError(why);
      }
      heard.came(subject, packet);
      return { message, packet };
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

/** Throws ShapeError if a packet, or a later one from its place, has come before. */
function checkFresh(heard: Freshness, place: string, packet: Packet): void {
  if (heard.isFresh(place, packet)) return;
  throw new ShapeError('it came before, or later ones did: somebody sends it again');
}
