/** A set of handlers that are all called, in the order in which they came. */
import type { Unsubscribe } from './bus.js';

export class Handlers<Argument> {
  readonly #handlers = new Set<(argument: Argument) => void>();
  #ends: Unsubscribe[] = [];

  /** Adds a handler. The first one begins what feeds them; with the last one that goes, it ends. */
  add(handler: (argument: Argument) => void, begin: () => Unsubscribe[] = () => []): Unsubscribe {
    // a wrapper of its own for every call: the same function may be added twice
    const entry = (argument: Argument) => handler(argument);
    this.#handlers.add(entry);
    if (this.#handlers.size === 1) this.#ends = begin();
    return () => {
      if (!this.#handlers.delete(entry) || this.#handlers.size > 0) return;
      for (const end of this.#ends.splice(0)) end();
    };
  }

  get size(): number {
    return this.#handlers.size;
  }

  call(argument: Argument): void {
    for (const handler of [...this.#handlers]) handler(argument);
  }
}
