/**
 * Which coordinator a worker follows: announcements prove who made them, and not that they come from the run's coordinator.
 * A worker follows the first one that it hears, then one of a higher term; and any other only if the one that it follows
 * has been silent for a while, as when a run begins anew on a server whose store was wiped.
 */
import type { CoordinatorKeys } from '../messages.js';

/** Coordinators announce their run every second. */
const SILENCE_MS = 5000;

export interface LeaderOptions {
  /** Public keys of the coordinators that may be followed. @default anybody's */
  trusted?: readonly string[] | undefined;
  /** In milliseconds. @default performance.now */
  now?: () => number;
}

/** What an announcement says of who made it, and when it was sent: stamps of one clock sort by time. */
export interface Announcer {
  term: number;
  keys?: CoordinatorKeys | undefined;
  stamp?: string | undefined;
}

export class Leader {
  readonly #trusted: readonly string[] | undefined;
  readonly #now: () => number;
  #followed: { term: number; keys: CoordinatorKeys; stamp: string } | undefined;
  #heardAt = Number.NEGATIVE_INFINITY;

  constructor({ trusted, now = () => performance.now() }: LeaderOptions = {}) {
    this.#trusted = trusted;
    this.#now = now;
  }

  /** Of the one that is followed; undefined before the first. */
  get keys(): CoordinatorKeys | undefined {
    return this.#followed?.keys;
  }

  /** Whether these are the keys of the one that is followed. */
  follows(keys: CoordinatorKeys | undefined): boolean {
    const { sign, agree } = this.#followed?.keys ?? {};
    return keys !== undefined && keys.sign === sign && keys.agree === agree;
  }

  /** Whether the one that is followed has said something lately. */
  get isHeard(): boolean {
    return this.#now() - this.#heardAt < SILENCE_MS;
  }

  /** Why an announcement is not followed; undefined if it is, and from then on. */
  hear({ term, keys, stamp = '' }: Announcer): string | undefined {
    if (!keys) return 'it must name the keys of its coordinator, and it does not';
    if (this.#trusted && !this.#trusted.includes(keys.sign)) {
      return `the key of its coordinator, ${keys.sign}, is none of those that this worker trusts`;
    }
    const followed = this.#followed;
    if (followed && !this.follows(keys) && term <= followed.term) {
      if (this.isHeard) return 'another coordinator of the run is followed';
      // one that signs alike, and has gone: somebody sends again what it said
      if (keys.sign === followed.keys.sign && stamp <= followed.stamp) return 'its coordinator has said later things';
    }
    this.#followed = { term, keys, stamp };
    this.#heardAt = this.#now();
    return undefined;
  }
}
