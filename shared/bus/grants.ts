/**
 * Who may send how many bytes: a broker drops a connection that falls too far behind, without an error, so the receiver
 * bounds what all senders together have under way to it.
 */

/** Bounds of what is granted. */
export interface GrantsOptions {
  /** Bytes granted and not yet received, over all holders. @default 16 MiB */
  limit?: number;
  /** Milliseconds after which a grant lapses that its holder did not use: it may be dead. @default 15 000 */
  lapseMs?: number;
  /** @default performance.now */
  now?: () => number;
}

interface Grant {
  bytes: number;
  isKnown: boolean;
  /** Given before it was asked for. */
  advance: boolean;
  until: number;
}

interface Waiting {
  bytes: number;
  answer: (bytes: number) => void;
}

/** Most that wait; an ask beyond is not answered, and is repeated by its sender. */
const MOST_WAITING = 10_000;

/**
 * One grant a holder; who asks for more than is free waits in turn. A holder that nothing has come from yet may be nobody's:
 * those wait until no other does, and together hold half of the limit at most.
 */
export class Grants {
  readonly #limit: number;
  readonly #lapseMs: number;
  readonly #now: () => number;
  readonly #granted = new Map<string, Grant>();
  readonly #waiting = new Map<string, Waiting>();
  /** Those that nothing has come from yet. */
  readonly #strangers = new Map<string, Waiting>();
  #total = 0;
  #advanced = 0;
  #unknown = 0;

  constructor({ limit = 16 * 2 ** 20, lapseMs = 15_000, now = () => performance.now() }: GrantsOptions = {}) {
    this.#limit = limit;
    this.#lapseMs = lapseMs;
    this.#now = now;
  }

  /** Bytes granted and not yet received. */
  get total(): number {
    return this.#total;
  }

  /**
   * Grants the bytes, at most `limit`, now or when there is room. A holder that asks again is answered once, at its last ask.
   * @param isKnown whether something has come from the holder before
   */
  ask(holder: string, bytes: number, answer: (bytes: number) => void, isKnown = true): void {
    this.#end(holder);
    const waiting = isKnown ? this.#waiting : this.#strangers;
    if (waiting.has(holder) || waiting.size < MOST_WAITING) waiting.set(holder, { bytes, answer });
    this.#serve();
  }

  /** What the holder was granted has arrived. */
  settle(holder: string): void {
    this.#end(holder);
    this.#serve();
  }

  /**
   * Grants the bytes before they are asked for, so that the next message goes without a question; 0 if more than half
   * of the limit would be given away so, or if others wait.
   */
  advance(holder: string, bytes: number): number {
    this.#end(holder);
    this.#lapse();
    if (this.#waiting.size > 0 || this.#advanced + bytes > this.#limit / 2 || this.#total + bytes > this.#limit)
      return 0;
    this.#begin(holder, bytes, { advance: true, isKnown: true });
    return bytes;
  }

  #serve(): void {
    this.#lapse();
    for (const [holder, { bytes, answer }] of this.#waiting) {
      if (this.#total + bytes > this.#limit) return;
      this.#waiting.delete(holder);
      this.#begin(holder, bytes, { advance: false, isKnown: true });
      answer(bytes);
    }
    for (const [holder, { bytes, answer }] of this.#strangers) {
      const isTooMuch = this.#unknown > 0 && this.#unknown + bytes > this.#limit / 2;
      if (isTooMuch || this.#total + bytes > this.#limit) return;
      this.#strangers.delete(holder);
      this.#begin(holder, bytes, { advance: false, isKnown: false });
      answer(bytes);
    }
  }

  #begin(holder: string, bytes: number, { advance, isKnown }: Pick<Grant, 'advance' | 'isKnown'>): void {
    this.#granted.set(holder, { bytes, advance, isKnown, until: this.#now() + this.#lapseMs });
    this.#total += bytes;
    if (advance) this.#advanced += bytes;
    if (!isKnown) this.#unknown += bytes;
  }

  #end(holder: string): void {
    const grant = this.#granted.get(holder);
    if (!grant) return;
    this.#granted.delete(holder);
    this.#total -= grant.bytes;
    if (grant.advance) this.#advanced -= grant.bytes;
    if (!grant.isKnown) this.#unknown -= grant.bytes;
  }

  /** Ends the grants that nobody used. All last equally long, so the oldest come first. */
  #lapse(): void {
    const now = this.#now();
    for (const [holder, { until }] of this.#granted) {
      if (until > now) return;
      this.#end(holder);
    }
  }
}
