/** The sending side of results: one part under way, each acknowledged, none that was not granted. */
import type { Logger } from '../logger.js';
import { ShapeError } from '../shape.js';
import { SparingLogger } from '../sparing-logger.js';
import { bundle, bundledBytes } from './bundle.js';
import { newSession } from './freshness.js';
import { cut, type Packet, type PacketFields } from './packet.js';

/** What a sender needs of the world. */
export interface BulkSenderOptions {
  /**
   * Asks the receiver; resolves to its answer, or to undefined if there is none: it may be dead, blocked or cut off. Rejects
   * with ShapeError if what answers is not the receiver.
   */
  request(packet: PacketFields): Promise<Packet | undefined>;
  /** Bytes of a part. */
  partBytes(): number;
  logger: Logger;
  /** @default performance.now */
  now?: () => number;
  /** Milliseconds to the first further try after one that failed; later ones wait longer. @default 100 */
  retryMs?: number;
}

/** Messages go together up to this size, so that one answer serves them all. */
const BUNDLE_BYTES = 4 * 2 ** 20;
/** The oldest messages are lost beyond this: nobody takes them. */
const QUEUE_BYTES = 64 * 2 ** 20;
/** How long a grant in advance is used; the receiver lets it lapse three times later. */
const ADVANCE_MS = 5000;
const LONGEST_RETRY_MS = 2000;

/** A message that waits, and what it says. */
interface Queued {
  bytes: Uint8Array;
  of: object | undefined;
}

/** Sends messages in order, each until it was received. */
export class BulkSender {
  readonly #options: Required<BulkSenderOptions>;
  readonly #strangers: SparingLogger;
  readonly #session = newSession();
  readonly #queue: Queued[] = [];
  /** What the messages say that wait or are under way. */
  readonly #held = new Set<object>();
  #queued = 0;
  #message = 0;
  #granted = { bytes: 0, until: 0 };
  #running = false;
  #closed = false;
  #wake: () => void = () => {};
  #abandon: () => void = () => {};
  #idle: (() => void)[] = [];

  constructor({ now = () => performance.now(), retryMs = 100, ...options }: BulkSenderOptions) {
    this.#options = { now, retryMs, ...options };
    this.#strangers = new SparingLogger(options.logger);
  }

  /**
   * Sends a message after those before it.
   * @param of what the message says: one that still waits, or is under way, is not sent twice
   */
  send(encode: () => Uint8Array, of?: object): void {
    if (this.#closed || (of !== undefined && this.#held.has(of))) return;
    const bytes = encode();
    if (of !== undefined) this.#held.add(of);
    this.#queue.push({ bytes, of });
    this.#queued += bytes.length;
    let lost = 0;
    while (this.#queued > QUEUE_BYTES && this.#queue.length > 1) {
      const oldest = this.#queue.shift()!;
      this.#queued -= oldest.bytes.length;
      this.#forget([oldest]);
      lost += 1;
    }
    if (lost > 0)
      this.#options.logger.warn(`Nobody takes what this worker sends: ${lost} of its oldest results are lost`);
    if (this.#running) return;
    this.#running = true;
    // what is sent in the same turn goes together
    queueMicrotask(() => void this.#run());
  }

  /** Tries again at once, if it waits to try again. */
  wake(): void {
    this.#wake();
  }

  /** The receiver has lost what is under way, or is another one: sends it again, and does not wait for an answer. */
  again(): void {
    this.#abandon();
    this.#wake();
  }

  /** Resolves when nothing is left to send, or after `close`. */
  idle(): Promise<void> {
    if (!this.#running || this.#closed) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Sends nothing more. */
  close(): void {
    this.#closed = true;
    this.#queue.length = 0;
    this.#held.clear();
    this.#wake();
    this.#becomeIdle();
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0 && !this.#closed) {
      const messages = this.#takeMessages();
      await this.#sendMessage(bundle(messages.map(({ bytes }) => bytes)));
      this.#forget(messages);
    }
    this.#running = false;
    this.#becomeIdle();
  }

  #becomeIdle(): void {
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #forget(messages: readonly Queued[]): void {
    for (const { of } of messages) if (of !== undefined) this.#held.delete(of);
  }

  /** The messages that go together now. */
  #takeMessages(): Queued[] {
    let count = 0;
    let size = 0;
    for (const { bytes } of this.#queue) {
      size += bundledBytes(bytes);
      if (count > 0 && size > BUNDLE_BYTES) break;
      count += 1;
    }
    const messages = this.#queue.splice(0, count);
    for (const { bytes } of messages) this.#queued -= bytes.length;
    return messages;
  }

  async #sendMessage(bytes: Uint8Array): Promise<void> {
    this.#message += 1;
    const parts = cut(bytes, this.#options.partBytes());
    let retryMs = this.#options.retryMs;
    for (let index = 0; index < parts.length && !this.#closed; ) {
      const grant = await this.#exchange(parts, index, bytes.length);
      if (grant) {
        index = grant.index;
        this.#granted = { bytes: grant.size, until: this.#options.now() + ADVANCE_MS };
        retryMs = this.#options.retryMs;
        continue;
      }
      this.#granted = { bytes: 0, until: 0 };
      await this.#pause(retryMs);
      retryMs = Math.min(2 * retryMs, LONGEST_RETRY_MS);
    }
  }

  /** Sends a part if that is granted, else asks for it. Returns the receiver's answer, or undefined if there was none. */
  async #exchange(parts: readonly Uint8Array[], index: number, size: number): Promise<Packet | undefined> {
    const payload = parts[index]!;
    const granted = this.#granted.until > this.#options.now() && this.#granted.bytes >= payload.length;
    const place = { session: this.#session, message: this.#message, index, count: parts.length };
    const packet: PacketFields = granted
      ? { kind: 'part', ...place, size, payload }
      : { kind: 'ask', ...place, size: payload.length };
    const abandoned = new Promise<undefined>((resolve) => {
      this.#abandon = () => resolve(undefined);
    });
    try {
      const received = await Promise.race([this.#options.request(packet), abandoned]);
      return received && checkGrant(received, place);
    } catch (error) {
      if (!(error instanceof ShapeError)) throw error;
      this.#strangers.warn(`The answer to a result is not used: ${error.message}`);
      return undefined;
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** The answer, if it is a grant for this message. */
function checkGrant(
  answer: Packet,
  { session, message, count }: Pick<Packet, 'session' | 'message' | 'count'>,
): Packet {
  const fits = answer.session === session && answer.message === message && answer.count === count;
  if (answer.kind === 'grant' && fits) return answer;
  throw new ShapeError('it must be a grant for the message that is under way');
}
