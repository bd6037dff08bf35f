/**
 * When a worker's result is late: past a multiple of the median time of a window. Time decides only who computes, never
 * what.
 */

/** Options of the deadlines; all times in seconds. */
export interface DeadlineOptions {
  /** Multiples of the median time after which a result is late. @default 5 */
  factor?: number;
  /** No result is late before. @default 1 */
  least?: number;
  /** What a result may take while nothing is known of the pace: kernels are compiled, data is read. @default 60 */
  first?: number;
}

/** What a worker was ordered to compute for the open round. */
interface Expected {
  orderedAt: number;
  /** Windows that one of its threads computes one after another. */
  windows: number;
  /** Whether its time says something of the pace: nothing was replayed. */
  plain: boolean;
  dueAt: number;
  /** When it was due before it was given more time. */
  firstDueAt: number;
}

/** Times of the median; enough to forget the slow first rounds soon. */
const REMEMBERED = 31;

export class Deadlines {
  readonly #factor: number;
  readonly #least: number;
  readonly #first: number;
  readonly #paces: number[] = [];
  readonly #expected = new Map<string, Expected>();

  constructor({ factor = 5, least = 1, first = 60 }: DeadlineOptions = {}) {
    this.#factor = factor;
    this.#least = least;
    this.#first = first;
  }

  /**
   * A worker has been ordered to compute.
   * @param windows of one thread, one after another @param plain whether none of them is a replay @param now in seconds
   */
  ordered(worker: string, windows: number, plain: boolean, now: number): void {
    const dueAt = now + this.#allowance(windows);
    this.#expected.set(worker, { orderedAt: now, windows, plain, dueAt, firstDueAt: dueAt });
  }

  /** A worker's results are all here. */
  finished(worker: string, now: number): void {
    const expected = this.#expected.get(worker);
    this.#expected.delete(worker);
    if (!expected?.plain) return;
    this.#paces.push((now - expected.orderedAt) / expected.windows);
    if (this.#paces.length > REMEMBERED) this.#paces.shift();
  }

  /** Nothing is expected of a worker any more. */
  forget(worker: string): void {
    this.#expected.delete(worker);
  }

  /** The workers that are late; each is given as much time again. */
  late(now: number): string[] {
    const late: string[] = [];
    for (const [worker, expected] of this.#expected) {
      if (now < expected.dueAt) continue;
      expected.dueAt = now + 2 * (expected.dueAt - expected.orderedAt);
      expected.plain = false;
      late.push(worker);
    }
    return late;
  }

  /** When a worker's results were due before it was given more time; undefined if nothing is expected of it. */
  firstDueAt(worker: string): number | undefined {
    return this.#expected.get(worker)?.firstDueAt;
  }

  #allowance(windows: number): number {
    if (this.#paces.length === 0) return this.#first;
    const median = this.#paces.toSorted((a, b) => a - b)[this.#paces.length >> 1]!;
    return Math.max(this.#least, this.#factor * median * windows);
  }
}
