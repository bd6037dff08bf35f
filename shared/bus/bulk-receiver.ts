/** The receiving side of results: grants what may be sent, answers every part, and gives each message once. */
import { ShapeError, shapeError } from '../shape.js';
import { Grants, type GrantsOptions } from './grants.js';
import { MOST_PART_BYTES, type Packet, type PacketFields } from './packet.js';
import { Reassembler, type ReassemblerOptions } from './reassembler.js';

/** Bounds of a receiver. */
export interface BulkReceiverOptions {
  grants?: GrantsOptions;
  reassembler?: ReassemblerOptions;
}

/** Who sent a packet. */
export interface BulkSource {
  from: string;
  /** Whether it is a worker of the run: others are heard out, in a few bytes, when no member waits. */
  isMember: boolean;
}

/** Members that are remembered; of one that is forgotten, a message that is sent twice arrives twice. */
const MOST_SENDERS = 10_000;
/** Messages of one sender differ by little: a grant in advance is rounded up by as much. */
const SLACK_BYTES = 4096;
/** The longest thing that a stranger has to say is goodbye. */
const STRANGERS_BYTES = 64 * 1024;

export class BulkReceiver {
  readonly #grants: Grants;
  readonly #reassembler: Reassembler;
  /** The newest session of each sender, and the last message of it that arrived whole. */
  readonly #done = new Map<string, { session: string; message: number }>();

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
  receive(
    packet: Packet,
    { from, isMember }: BulkSource,
    answer: (packet: PacketFields) => void,
  ): Uint8Array | undefined {
    const { kind, session, message, index, count, size, payload } = packet;
    const known = this.#done.get(from);
    if (known && session < known.session) throw new ShapeError('its sender has begun a later session');
    // one may name the session of another
    const holder = `${from}/${session}`;
    const arrived = () => this.#reassembler.parts(holder, message);
    const reply = (parts: number, bytes: number) =>
      answer({ kind: 'grant', session, message, index: parts, count, size: bytes });
    const isDone = known?.session === session && known.message >= message;
    const most = isMember ? MOST_PART_BYTES : STRANGERS_BYTES;
    if (kind === 'ask') {
      if (size > most) throw shapeError('packet.size', `at most ${most}`, size);
      if (isDone) reply(count, 0);
      else this.#grants.ask(from, size, (bytes) => reply(arrived(), bytes), isMember);
      return undefined;
    }
    if (kind !== 'part') throw shapeError('packet.kind', 'part or ask', kind);
    if (!isMember && (size > most || !this.#grants.has(from))) {
      throw new ShapeError('it is a part of a result, and its sender is no worker of the run');
    }
    this.#grants.settle(from);
    if (isDone || index !== arrived()) {
      // a message that began at the coordinator before this one, or whose answer was lost: its sender is told where to go on
      reply(isDone ? count : arrived(), 0);
      return undefined;
    }
    const whole = this.#reassembler.add({ ...packet, session: holder });
    if (!whole) {
      const left = size - this.#reassembler.bytes(holder);
      const next = Math.min(left, payload.length);
      this.#grants.ask(from, next, (bytes) => reply(arrived(), bytes), isMember);
      return undefined;
    }
    if (isMember) this.#remember(from, { session, message });
    const advance = (Math.floor(payload.length / SLACK_BYTES) + 2) * SLACK_BYTES;
    reply(count, isMember ? this.#grants.advance(from, advance) : 0);
    return whole;
  }

  #remember(from: string, done: { session: string; message: number }): void {
    this.#done.delete(from);
    this.#done.set(from, done);
    if (this.#done.size <= MOST_SENDERS) return;
    const [oldest] = this.#done.keys();
    this.#done.delete(oldest!);
  }
}
