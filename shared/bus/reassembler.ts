/** Puts messages together again from their parts, within bounds: what arrives may be anything. */
import { ShapeError, shapeError } from '../shape.js';
import type { Packet } from './packet.js';

/** Bounds of what is held. */
export interface ReassemblerOptions {
  /** Bytes of one message. @default 128 MiB */
  messageBytes?: number;
  /** Bytes of all unfinished messages; the one that waits longest is given up beyond. @default 256 MiB */
  heldBytes?: number;
  /** Milliseconds after which a message is given up whose next part does not come. @default 60 000 */
  idleMs?: number;
  /** @default performance.now */
  now?: () => number;
}

interface Unfinished {
  message: number;
  count: number;
  size: number;
  parts: Uint8Array[];
  bytes: number;
  touched: number;
}

/** One unfinished message a session: a sender sends the parts of one message in order, then those of the next. */
export class Reassembler {
  readonly #options: Required<ReassemblerOptions>;
  /** By session, in the order in which they were last added to. */
  readonly #unfinished = new Map<string, Unfinished>();
  #held = 0;

  constructor({
    messageBytes = 128 * 2 ** 20,
    heldBytes = 256 * 2 ** 20,
    idleMs = 60_000,
    now = () => performance.now(),
  }: ReassemblerOptions = {}) {
    this.#options = { messageBytes, heldBytes, idleMs, now };
  }

  /** Bytes of unfinished messages. */
  get held(): number {
    return this.#held;
  }

  /** Bytes that are here of a session's unfinished message. */
  bytes(session: string): number {
    return this.#unfinished.get(session)?.bytes ?? 0;
  }

  /** Parts of a message that are here, from its beginning. */
  parts(session: string, message: number): number {
    const unfinished = this.#unfinished.get(session);
    return unfinished?.message === message ? unfinished.parts.length : 0;
  }

  /**
   * Takes a part. Returns the message if this was its last part. Throws ShapeError if the part cannot belong to a
   * message that has come so far; what had come of it is then given up.
   */
  add(packet: Packet): Uint8Array | undefined {
    const { session, message, index, count, size, payload } = packet;
    if (size > this.#options.messageBytes) {
      throw shapeError('packet.size', `at most ${this.#options.messageBytes}`, size);
    }
    if (count === 1) {
      if (payload.length !== size) throw shapeError('packet.payload', `of ${size} bytes`, payload);
      return payload;
    }
    const current = this.#unfinished.get(session);
    const begun = current?.message === message ? current : undefined;
    if (index !== (begun?.parts.length ?? 0) || (begun && (begun.count !== count || begun.size !== size))) {
      this.#drop(session);
      throw new ShapeError(`part ${index} of ${count} does not go on from what has arrived of its message`);
    }
    if (!begun) this.#drop(session);
    const unfinished = begun ?? { message, count, size, parts: [], bytes: 0, touched: 0 };
    if (payload.length === 0 || unfinished.bytes + payload.length > size) {
      this.#drop(session);
      throw shapeError('packet.payload', `a part of ${size} bytes`, payload);
    }
    this.#hold(session, unfinished, payload);
    if (unfinished.parts.length < count) {
      this.#giveUp();
      return undefined;
    }
    this.#drop(session);
    if (unfinished.bytes !== size) throw new ShapeError(`its parts must make ${size} bytes, got ${unfinished.bytes}`);
    return Buffer.concat(unfinished.parts);
  }

  #hold(session: string, unfinished: Unfinished, payload: Uint8Array): void {
    // a copy: the part may be a view of a much larger buffer
    unfinished.parts.push(payload.slice());
    unfinished.bytes += payload.length;
    this.#held += payload.length;
    unfinished.touched = this.#options.now();
    this.#unfinished.delete(session);
    this.#unfinished.set(session, unfinished);
  }

  #drop(session: string): void {
    this.#held -= this.#unfinished.get(session)?.bytes ?? 0;
    this.#unfinished.delete(session);
  }

  /** Drops what waits too long, and what is too much. */
  #giveUp(): void {
    const { heldBytes, idleMs, now } = this.#options;
    const oldest = now() - idleMs;
    for (const [session, { touched }] of this.#unfinished) {
      if (touched >= oldest && this.#held <= heldBytes) return;
      this.#drop(session);
    }
  }
}
