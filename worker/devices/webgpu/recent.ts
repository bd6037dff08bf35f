/** Values that are dear to make, of which the latest few are kept. */

export class Recent<Key, Value> {
  readonly #most: number;
  readonly #forget: (value: Value) => void;
  /** The latest one last. */
  readonly #values = new Map<Key, Value>();

  /** @param forget is called with what is not kept */
  constructor(most: number, forget: (value: Value) => void) {
    this.#most = most;
    this.#forget = forget;
  }

  /** The value of a key, which is the latest one from now on. */
  get(key: Key): Value | undefined {
    const value = this.#values.get(key);
    if (value !== undefined) {
      this.#values.delete(key);
      this.#values.set(key, value);
    }
    return value;
  }

  /** Keeps a value, and forgets the one that it takes the place of, and the oldest where there are too many. */
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
