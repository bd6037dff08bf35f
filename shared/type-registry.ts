/** What is told apart by its type: architectures and estimators, and what computes them. */
import { LoptError } from './errors.js';
import { type Shape, shapeError } from './shape.js';

/** How errors of a registry begin. */
export interface RegistryTasks {
  /** As in "Cannot add architecture". */
  readonly add: string;
  /** As in "Cannot find architecture". */
  readonly find: string;
}

/** Entries by their type, of one thread. */
export class TypeRegistry<Entry extends { readonly type: string }> {
  readonly #tasks: RegistryTasks;
  readonly #entries: Map<string, Entry>;

  constructor(tasks: RegistryTasks, entries: readonly Entry[]) {
    this.#tasks = tasks;
    this.#entries = new Map(entries.map((entry) => [entry.type, entry]));
  }

  /** Every entry by its type. */
  get entries(): ReadonlyMap<string, Entry> {
    return this.#entries;
  }

  /** Adds an entry. Throws LoptError if its type is taken. */
  add(entry: Entry): void {
    const { type } = entry;
    if (this.#entries.has(type)) throw new LoptError(`${this.#tasks.add} "${type}": this type is taken`);
    this.#entries.set(type, entry);
  }

  /** The entry of a type. Throws LoptError that names the known types if there is none. */
  get({ type }: { readonly type: string }): Entry {
    const entry = this.#entries.get(type);
    if (entry) return entry;
    throw new LoptError(`${this.#tasks.find} "${type}": it must be one of ${this.#types}`);
  }

  /** The shape of what has one of the types, as the entry of its type checks it. */
  shape<Value>(shapeOf: (entry: Entry) => Shape<Value>): Shape<Value> {
    return (value, at) => {
      const type = (value as { type?: unknown } | null | undefined)?.type;
      const entry = typeof type === 'string' ? this.#entries.get(type) : undefined;
      if (!entry) throw shapeError(`${at}.type`, `one of ${this.#types}`, type);
      return shapeOf(entry)(value, at);
    };
  }

  get #types(): string {
    return [...this.#entries.keys()].join(', ');
  }
}
