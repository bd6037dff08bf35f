/** Which workers live: each of them says so at every announcement, once a second. */

/** A process that has not looked for so many seconds was stopped itself. */
const SLEPT = 2;

export class Presence {
  readonly #silence: number;
  readonly #seen = new Map<string, number>();
  #lookedAt: number | undefined;

  /** @param silence seconds without a word after which a worker counts as gone */
  constructor(silence = 5) {
    this.#silence = silence;
  }

  /** A worker has said something. @param now in seconds */
  saw(worker: string, now: number): void {
    this.#seen.set(worker, now);
  }

  /** When it last said something. */
  seenAt(worker: string): number {
    return this.#seen.get(worker) ?? Number.NEGATIVE_INFINITY;
  }

  forget(worker: string): void {
    this.#seen.delete(worker);
  }

  /**
   * Who is silent, asked several times a second; undefined if this process itself slept since it was last asked: then
   * nobody else is to blame, and all have their time again. @param now in seconds
   */
  silent(now: number): string[] | undefined {
    const slept = this.#lookedAt !== undefined && now - this.#lookedAt > SLEPT;
    this.#lookedAt = now;
    if (slept) {
      for (const worker of this.#seen.keys()) this.#seen.set(worker, now);
      return undefined;
    }
    return [...this.#seen].filter(([, seenAt]) => now - seenAt > this.#silence).map(([worker]) => worker);
  }
}
