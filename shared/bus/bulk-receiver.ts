/** The receiving side of results: grants what may be sent, answers every part, and gives each message once. */
import { shapeError } from '../shape.js';
import { Grants, type GrantsOptions } from './grants.js';
import { encodePacket, MOST_PART_BYTES, type Packet } from './packet.js';
import { Reassembler, type ReassemblerOptions } from './reassembler.js';

/** Bounds of a receiver. */
export interface BulkReceiverOptions {
  grants?: GrantsOptions;
  reassembler?: ReassemblerOptions;
}

/** Senders that are remembered; of one that is forgotten, a message that is sent twice arrives twice. */
const MOST_SESSIONS = 10_000;
/** Messages of one sender differ by little: a grant in advance is rounded up by as much. */
const SLACK_BYTES = 4096;

export class BulkReceiver {
  readonly #grants: Grants;
  readonly #reassembler: Reassembler;
  /** The last message that arrived whole, by session. */
  readonly #done = new Map<string, number>();

  constructor({ grants, reassembler }: BulkReceiverOptions = {}) {
    this.#grants = new Grants(grants);
    this.#reassembler = new Reassembler(reassembler);
  }

  /** Bytes granted and not yet received. */
  get granted(): number {
    return this.#grants.total;
  }

  /**
   * Takes a packet and answers it, at once or when there is room. Returns the message if this was its last part. Throws
   * ShapeError if it is not a packet that a sender sends.
   */
  receive(packet: Packet, answer: (packet: Uint8Array) => void): Uint8Array | undefined {
    const { kind, session, message, index, count, size, payload } = packet;
    const arrived = () => this.#reassembler.parts(session, message);
    const reply = (parts: number, bytes: number) =>
      answer(encodePacket({ kind: 'grant', session, message, index: parts, count, size: bytes }));
    const done = this.#done.get(session);
    // a sender sends each message until it was received: a number far ahead would make its own next ones count as received
    if (done !== undefined && message > done + 1) throw shapeError('packet.message', `at most ${done + 1}`, message);
    const isDone = (done ?? 0) >= message;
    const isKnown = done !== undefined;
    if (kind === 'ask') {
      if (size > MOST_PART_BYTES) throw shapeError('packet.size', `at most ${MOST_PART_BYTES}`, size);
      if (isDone) reply(count, 0);
      else this.#grants.ask(session, size, (bytes) => reply(arrived(), bytes), isKnown);
      return undefined;
    }
    if (kind !== 'part') throw shapeError('packet.kind', 'part or ask', kind);
    this.#grants.settle(session);
    if (isDone || index !== arrived()) {
      // a message that began at the coordinator before this one, or whose answer was lost: its sender is told where to go on
      reply(isDone ? count : arrived(), 0);
      return undefined;
    }
    const whole = this.#reassembler.add(packet);
    if (!whole) {
      const left = size - this.#reassembler.bytes(session);
      const next = Math.min(left, payload.length);
      this.#grants.ask(session, next, (bytes) => reply(arrived(), bytes), isKnown);
      return undefined;
    }
    this.#remember(session, message);
    reply(count, this.#grants.advance(session, (Math.floor(payload.length / SLACK_BYTES) + 2) * SLACK_BYTES));
    return whole;
  }

  #remember(session: string, message: number): void {
    this.#done.delete(session);
    this.#done.set(session, message);
    if (this.#done.size <= MOST_SESSIONS) return;
    const [oldest] = this.#done.keys();
    this.#done.delete(oldest!);
  }
}
