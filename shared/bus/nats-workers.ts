/**
 * The workers' end of the bus over NATS: they follow one coordinator, hear what it signed, and seal for it alone what they
 * send. Before the first announcement they hear nothing else, and cannot be heard.
 */
import { decodeReceived, encode } from '../codec.js';
import { type KeyPair, newKeyPair } from '../keys.js';
import type { Logger } from '../logger.js';
import type { MessageChecker } from '../message-check.js';
import type { AnnounceMessage, CoordinatorKeys, ToCoordinator, ToWorker } from '../messages.js';
import type { Incoming } from '../nats/lane.js';
import type { NatsLink } from '../nats/link.js';
import { ShapeError, shapeError } from '../shape.js';
import type { RunSubjects } from '../subjects.js';
import { BulkSender } from './bulk-sender.js';
import type { Address, Unsubscribe } from './bus.js';
import { Freshness, stampOf } from './freshness.js';
import { Handlers } from './handlers.js';
import { Leader } from './leader.js';
import { checkFresh, type NatsSpeaker } from './nats-speaker.js';
import { type Packet, partBytes } from './packet.js';
import { Reassembler } from './reassembler.js';
import { addressOf, openSigned, WorkerSealer } from './seals.js';

export interface NatsWorkersOptions {
  link: NatsLink;
  subjects: RunSubjects;
  speaker: NatsSpeaker;
  checker: MessageChecker;
  logger: Logger;
  /** Their X25519 key pair. @default a new one */
  key?: KeyPair | undefined;
  /** Public keys of the coordinators that may be followed. @default anybody's */
  trusted?: readonly string[] | undefined;
  /** Milliseconds after which a result that is not answered is asked about again. @default 10 000 */
  answerMs?: number | undefined;
}

/** What goes on the connection for results. A goodbye comes after them. */
const BULK: ReadonlySet<ToCoordinator['type']> = new Set(['result', 'evaluation', 'goodbye']);

export class NatsWorkers {
  readonly #options: NatsWorkersOptions;
  readonly #key: KeyPair;
  readonly #leader: Leader;
  #sealer: { agree: string; sealer: WorkerSealer } | undefined;
  /** By worker. */
  readonly #senders = new Map<string, BulkSender>();
  readonly #handlers = new Map<string, Handlers<ToWorker>>();

  constructor(options: NatsWorkersOptions) {
    const { link, speaker, key = newKeyPair('x25519'), trusted } = options;
    this.#options = options;
    this.#key = key;
    this.#leader = new Leader({ trusted });
    speaker.onReconnect(() => {
      if (link.bulk.connected) this.#wakeSenders();
    });
  }

  addressOf(worker: string): Address {
    return addressOf(worker, this.#key.publicKey);
  }

  /** Whether the coordinator that is followed has said something lately. */
  get isLed(): boolean {
    return this.#leader.isHeard;
  }

  /** Follows the coordinator of an announcement. */
  follow(announced: AnnounceMessage): void {
    this.#leader.hear(announced);
  }

  send(message: ToCoordinator): void {
    const { subjects, speaker } = this.#options;
    if (BULK.has(message.type)) this.#senderOf(message.worker).send(() => encode(message), message);
    else
      speaker.send(subjects.mail, message, (fields) => this.#sealerNow()?.seal(subjects.mail, message.worker, fields));
  }

  onMail(worker: string, handler: (message: ToWorker) => void): Unsubscribe {
    const { link, subjects, speaker } = this.#options;
    const { announcement, all, worker: mailOf } = subjects;
    const own = [announcement, all, mailOf(this.addressOf(worker))];
    const handlers = this.#handlers.get(worker) ?? new Handlers<ToWorker>();
    this.#handlers.set(worker, handlers);
    const reassembler = new Reassembler();
    // anybody may sign announcements
    const announcements = new Reassembler({ messageBytes: 2 ** 20, heldBytes: 4 * 2 ** 20 });
    const heard = new Freshness();
    let leader: { keys: CoordinatorKeys; session: string } | undefined;
    const receive = (incoming: Incoming) => {
      const opened = this.#open(incoming, { reassembler, announcements }, heard);
      if (!opened) return;
      const { message, packet } = opened;
      const isSame = this.#leader.follows(leader?.keys);
      // another one than before: nothing of the one before counts any more
      if (!isSame) heard.restart(own, packet);
      // the coordinator is there; another one, or one that was cut off, does not have what is under way
      if (!leader || (isSame && packet.session === leader.session)) this.#wakeSenders();
      else for (const sender of this.#senders.values()) sender.again();
      leader = { keys: this.#leader.keys!, session: packet.session };
      handlers.call(message);
    };
    return handlers.add(handler, () => own.map((subject) => speaker.listen(link.control, subject, receive)));
  }

  /** Resolves when the coordinator has received the results, or after `close`. */
  async idle(): Promise<void> {
    await Promise.all([...this.#senders.values()].map((sender) => sender.idle()));
  }

  /** Sends no more results. */
  close(): void {
    for (const sender of this.#senders.values()) sender.close();
  }

  /** What seals for the coordinator that is followed; undefined before the first. */
  #sealerNow(): WorkerSealer | undefined {
    const agree = this.#leader.keys?.agree;
    if (agree !== undefined && agree !== this.#sealer?.agree) {
      this.#sealer = { agree, sealer: new WorkerSealer(this.#options.subjects.mail, this.#key, agree) };
    }
    return this.#sealer?.sealer;
  }

  #senderOf(worker: string): BulkSender {
    const { link, subjects, logger, answerMs = 10_000 } = this.#options;
    const known = this.#senders.get(worker);
    if (known) return known;
    const sender = new BulkSender({
      request: async (fields) => {
        const sealer = this.#sealerNow();
        if (!sealer) return undefined;
        const answer = await link.bulk.request(subjects.bulk, sealer.seal(subjects.bulk, worker, fields), answerMs);
        return answer && sealer.openAnswer(answer);
      },
      partBytes: () => partBytes(link.bulk.maxPayload),
      logger,
    });
    this.#senders.set(worker, sender);
    return sender;
  }

  #wakeSenders(): void {
    for (const sender of this.#senders.values()) sender.wake();
  }

  /** The checked message that a packet completes, if it does and its sender is followed. */
  #open(
    { subject, bytes }: Incoming,
    { reassembler, announcements }: Record<'reassembler' | 'announcements', Reassembler>,
    heard: Freshness,
  ): { message: ToWorker; packet: Packet } | undefined {
    const { subjects, speaker, checker } = this.#options;
    return speaker.checked(subject, () => {
      const { packet, signer } = openSigned(subject, bytes);
      const isAnnouncement = subject === subjects.announcement;
      if (!isAnnouncement) {
        if (signer !== this.#leader.keys?.sign) throw new ShapeError('no coordinator that this worker follows sent it');
        checkFresh(heard, subject, packet);
      }
      if (packet.kind !== 'part') throw shapeError('packet.kind', 'part', packet.kind);
      const whole = (isAnnouncement ? announcements : reassembler).add({
        ...packet,
        session: `${signer}/${packet.session}`,
      });
      if (!whole) return undefined;
      const message = checker.toWorker(decodeReceived(whole));
      if ((message.type === 'announce') !== isAnnouncement) {
        throw new ShapeError(`a message of type ${message.type} must not come on this subject`);
      }
      if (message.type === 'announce')
        this.#checkAnnouncer(message, signer, packet, () => checkFresh(heard, subject, packet));
      heard.came(subject, packet);
      return { message, packet };
    });
  }

  /** Throws ShapeError unless an announcement is by its signer, and by the coordinator to follow. */
  #checkAnnouncer(announced: AnnounceMessage, signer: string, packet: Packet, checkOld: () => void): void {
    if (announced.keys?.sign !== signer) throw new ShapeError('it must announce the keys of its sender');
    // another process may have another clock: whether it is followed is for its term to say
    if (this.#leader.follows(announced.keys)) checkOld();
    const why = this.#leader.hear({ ...announced, stamp: stampOf(packet) });
    if (why !== undefined) throw new ShapeError(why);
  }
}
