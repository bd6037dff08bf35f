/**
 * Who may send how many bytes: a broker drops a connection that falls too far behind, without an error, so the receiver
 * bounds what all senders together have under way to it.
 */

/** Bounds of what is granted. */
export interface GrantsOptions {
  /** Bytes granted and not yet received, over all holders. @default 16 MiB */
  limit?: number;
  /** Bytes of those that strangers hold together. @default 256 KiB */
  strangersLimit?: number;
  /** Milliseconds after which a grant lapses that its holder did not use: it may be dead. @default 15 000 */
  lapseMs?: number;
  /** The same for a stranger. @default 2000 */
  strangersLapseMs?: number;
  /** @default performance.now */
  now?: () => number;
}

interface Grant {
  bytes: number;
  isMember: boolean;
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
const MOST_WAITING_STRANGERS = 64;

/**
 * One grant a holder; who asks for more than is free waits in turn. Workers of the run come first: strangers wait until no
 * member does, hold little together, and for a short time.
 */
export class Grants {
  readonly #limit: number;
  readonly #strangersLimit: number;
  readonly #lapseMs: number;
  readonly #strangersLapseMs: number;
  readonly #now: () => number;
  readonly #members = new Map<string, Grant>();
  readonly #strangers = new Map<string, Grant>();
  readonly #waiting = new Map<string, Waiting>();
  readonly #waitingStrangers = new Map<string, Waiting>();
  #total = 0;
  #advanced = 0;
  #ofStrangers = 0;

  constructor({
    limit = 16 * 2 ** 20,
    strangersLimit = 256 * 1024,
    lapseMs = 15_000,
    strangersLapseMs = 2000,
    now = () => performance.now(),
  }: GrantsOptions = {}) {
    this.#limit = limit;
    this.#strangersLimit = strangersLimit;
    this.#lapseMs = lapseMs;
    this.#strangersLapseMs = strangersLapseMs;
    this.#now = now;
  }

  /** Bytes granted and not yet received. */
  get total(): number {
    return this.#total;
  }

  /** Whether something is granted to a holder. */
  has(holder: string): boolean {
    this.#lapse();
    return this.#members.has(holder) || this.#strangers.has(holder);
  }

  /**
   * Grants the bytes, at most `limit`, now or when there is room. A holder that asks again is answered once, at its last ask.
   * @param isMember whether the holder is a worker of the run
   */
  ask(holder: string, bytes: number, answer: (bytes: number) => void, isMember = true): void {
    this.#end(holder);
    const [waiting, others, most] = isMember
      ? [this.#waiting, this.#waitingStrangers, MOST_WAITING]
      : ([this.#waitingStrangers, this.#waiting, MOST_WAITING_STRANGERS] as const);
    // it may have been a stranger when it asked before
    others.delete(holder);
    if (waiting.has(holder) || waiting.size < most) waiting.set(holder, { bytes, answer });
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
    this.#begin(holder, bytes, { advance: true, isMember: true });
    return bytes;
  }

  #serve(): void {
    this.#lapse();
    for (const [holder, { bytes, answer }] of this.#waiting) {
      if (this.#total + bytes > this.#limit) return;
      this.#waiting.delete(holder);
      this.#begin(holder, bytes, { advance: false, isMember: true });
      answer(bytes);
    }
    for (const [holder, { bytes, answer }] of this.#waitingStrangers) {
      if (this.#ofStrangers + bytes > this.#strangersLimit || this.#total + bytes > this.#limit) return;
      this.#waitingStrangers.delete(holder);
      this.#begin(holder, bytes, { advance: false, isMember: false });
      answer(bytes);
    }
  }

  #begin(holder: string, bytes: number, { advance, isMember }: Pick<Grant, 'advance' | 'isMember'>): void {
    const [granted, lapseMs] = isMember
      ? [this.#members, this.#lapseMs]
      : ([this.#strangers, this.#strangersLapseMs] as const);
    granted.set(holder, { bytes, advance, isMember, until: this.#now() + lapseMs });
    this.#total += bytes;
    if (advance) this.#advanced += bytes;
    if (!isMember) this.#ofStrangers += bytes;
  }

  #end(holder: string): void {
    const grant = this.#members.get(holder) ?? this.#strangers.get(holder);
    if (!grant) return;
    this.#members.delete(holder);
    this.#strangers.delete(holder);
    this.#total -= grant.bytes;
    if (grant.advance) this.#advanced -= grant.bytes;
    if (!grant.isMember) this.#ofStrangers -= grant.bytes;
  }

  /** Ends the grants that nobody used. Those of one kind last equally long, so the oldest come first. */
  #lapse(): void {
    const now = this.#now();
    for (const granted of [this.#members, this.#strangers]) {
      for (const [holder, { until }] of granted) {
        if (until > now) break;
        this.#end(holder);
      }
    }
  }
}
