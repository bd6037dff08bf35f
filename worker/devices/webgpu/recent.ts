/** Keeps the few most recently used of values that are expensive to make. */

export class Recent<Key, Value> {
  readonly #most: number;
  readonly #forget: (value: Value) => void;
  /** The most recent one last. */
  readonly #values = new Map<Key, Value>();

  /** @param forget is called with each value that is dropped */
  constructor(most: number, forget: (value: Value) => void) {
    this.#most = most;
    this.#forget = forget;
  }

  /** The value of a key, which becomes the most recent one. */
  get(key: Key): Value | undefined {
    const value = this.#values.get(key);
    if (value !== undefined) {
      this.#values.delete(key);
      this.#values.set(key, value);
    }
    return value;
  }

  /** Keeps a value; forgets the one that it replaces, and the oldest if there are too many. */
  set(key: Key, value: Value): void {
    this.delete(key);
    this.#values.set(key, value);
    for (const oldest of this.#values.keys()) {
      if (this.#values.size <= this.#most) break;
      this.delete(oldest);
    }
  }

  /** Forgets the value of a key, if there is one. */
  delete(key: Key): void {
    const value = this.#values.get(key);
    if (!this.#values.delete(key)) return;
    this.#forget(value as Value);
  }

  /** Forgets all. */
  clear(): void {
    for (const key of [...this.#values.keys()]) this.delete(key);
  }
}
