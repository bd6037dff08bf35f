/** What was used last, of things that each take memory. */

/** Engines or gradients of one distribution that a thread keeps ready. */
export const MOST_READY = 64;

/** Keeps the values that were used last, by number. */
export class Recent<Value> {
  readonly #most: number;
  readonly #values = new Map<number, Value>();

  /** @param most how many are kept, at least 1 */
  constructor(most: number) {
    this.#most = most;
  }

  /** The value, which now was used last. */
  get(index: number): Value | undefined {
    const value = this.#values.get(index);
    if (value === undefined) return undefined;
    this.#values.delete(index);
    this.#values.set(index, value);
    return value;
  }

  /** Keeps a value under a number that has none. Returns the one that it is kept instead of. */
  put(index: number, value: Value): Value | undefined {
    this.#values.set(index, value);
    if (this.#values.size <= this.#most) return undefined;
    const [oldest, dropped] = this.#values.entries().next().value!;
    this.#values.delete(oldest);
    return dropped;
  }

  /** All that are kept. */
  values(): Iterable<Value> {
    return this.#values.values();
  }
}
