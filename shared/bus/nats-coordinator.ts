/** The coordinator's end of the bus over NATS: signs what it says, and hears workers that prove who they are. */
import { decodeReceived } from '../codec.js';
import { type KeyPair, newKeyPair } from '../keys.js';
import type { MessageChecker } from '../message-check.js';
import type { AnnounceMessage, ToCoordinator, ToWorker } from '../messages.js';
import type { Incoming } from '../nats/lane.js';
import type { NatsLink } from '../nats/link.js';
import { ShapeError, shapeError } from '../shape.js';
import type { RunSubjects } from '../subjects.js';
import { BulkReceiver } from './bulk-receiver.js';
import { unbundle } from './bundle.js';
import type { Address, Unsubscribe } from './bus.js';
import { Freshness } from './freshness.js';
import { Handlers } from './handlers.js';
import { checkFresh, type NatsSpeaker } from './nats-speaker.js';
import { Reassembler } from './reassembler.js';
import { CoordinatorSealer, partsOf } from './seals.js';

export interface NatsCoordinatorOptions {
  link: NatsLink;
  subjects: RunSubjects;
  speaker: NatsSpeaker;
  checker: MessageChecker;
  /** Its Ed25519 key pair. @default a new one */
  signingKey?: KeyPair | undefined;
}

/** The coordinator's mail is short: the longest is a heartbeat of many ranges. */
const MAIL_BYTES = { messageBytes: 2 * 2 ** 20, heldBytes: 32 * 2 ** 20 };

/** A message to the coordinator, and the worker that is proven to have sent it. */
interface Mail {
  message: ToCoordinator;
  from: Address;
}

export class NatsCoordinator {
  readonly #options: NatsCoordinatorOptions;
  readonly #sealer: CoordinatorSealer;
  readonly #receiver = new BulkReceiver();
  readonly #heard = new Freshness();
  readonly #inbox: string;
  readonly #handlers = new Handlers<Mail>();
  readonly #unreachable = new Handlers<Address>();
  #isMember: (worker: Address) => boolean = () => true;

  constructor(options: NatsCoordinatorOptions) {
    const { link, subjects, signingKey = newKeyPair('ed25519') } = options;
    this.#options = options;
    this.#sealer = new CoordinatorSealer(subjects.mail, signingKey, newKeyPair('x25519'));
    this.#inbox = link.control.inbox();
  }

  /** Bytes of results that workers may send now and that have not arrived. */
  get granted(): number {
    return this.#receiver.granted;
  }

  /** An announcement with the keys that workers need to follow it. */
  signed(announced: AnnounceMessage): AnnounceMessage {
    return { ...announced, keys: this.#sealer.keys };
  }

  toWorker(worker: Address, message: ToWorker): void {
    // the server answers if nobody subscribes
    this.#say(this.#options.subjects.worker(worker), message, `${this.#inbox}.${worker}`);
  }

  toAllWorkers(message: ToWorker): void {
    const { announcement, all } = this.#options.subjects;
    if (message.type === 'announce') this.#say(announcement, this.signed(message));
    else this.#say(all, message);
  }

  onMail(
    handler: (message: ToCoordinator, from: Address) => void,
    isMember: (worker: Address) => boolean,
  ): Unsubscribe {
    const { link, subjects, speaker } = this.#options;
    const reassembler = new Reassembler(MAIL_BYTES);
    this.#isMember = isMember;
    return this.#handlers.add(
      ({ message, from }) => handler(message, from),
      () => [
        speaker.listen(link.control, subjects.mail, (incoming) => this.#receiveMail(incoming, reassembler)),
        speaker.listen(link.bulk, subjects.bulk, (incoming) => this.#receiveBulk(incoming)),
      ],
    );
  }

  onUnreachable(handler: (worker: Address) => void): Unsubscribe {
    const { link, speaker } = this.#options;
    return this.#unreachable.add(handler, () => [
      speaker.listen(link.control, `${this.#inbox}.>`, ({ subject, nobody }) => {
        if (nobody) this.#unreachable.call(subject.slice(this.#inbox.length + 1));
      }),
    ]);
  }

  #say(subject: string, message: ToWorker, reply?: string): void {
    this.#options.speaker.send(subject, message, (fields) => this.#sealer.seal(subject, fields), reply);
  }

  #receiveMail({ subject, bytes }: Incoming, reassembler: Reassembler): void {
    const mail = this.#options.speaker.checked(subject, () => {
      const { packet, from } = this.#sealer.open(subject, bytes);
      if (packet.kind !== 'part') throw shapeError('packet.kind', 'part', packet.kind);
      checkFresh(this.#heard, from, packet);
      const whole = reassembler.add({ ...packet, session: `${from}/${packet.session}` });
      if (!whole) return undefined;
      const mail = this.#mailFrom(from, whole);
      this.#heard.came(from, packet);
      return mail;
    });
    if (mail) this.#handlers.call(mail);
  }

  #receiveBulk({ subject, bytes, answer }: Incoming): void {
    const { speaker } = this.#options;
    const received = speaker.checked(subject, () => {
      const { packet, from } = this.#sealer.open(subject, bytes);
      const source = { from, isMember: this.#isMember(from) };
      const whole = this.#receiver.receive(packet, source, (fields) => answer(this.#sealer.sealAnswer(from, fields)));
      return whole && { from, messages: unbundle(whole) };
    });
    for (const each of received?.messages ?? []) {
      const mail = speaker.checked(subject, () => this.#mailFrom(received!.from, each));
      if (mail) this.#handlers.call(mail);
    }
  }

  /** The checked message of a worker; throws ShapeError if it is none, or names another worker. */
  #mailFrom(from: Address, bytes: Uint8Array): Mail {
    const message = this.#options.checker.toCoordinator(decodeReceived(bytes));
    if (message.worker !== partsOf(from).worker) throw new ShapeError('it must name the worker that sent it');
    return { message, from };
  }
}
