/** Who works, and which shards each worker advances. */
import type { ShardRange } from '../shared/messages.js';

/** A worker that has joined. */
export interface Member {
  id: string;
  threads: number;
  ranges: ShardRange[];
}

/** The workers of a run; every change gives all of them new contiguous ranges, in proportion to their threads. */
export class Roster {
  readonly #shards: number;
  readonly #members = new Map<string, Member>();

  constructor(shards: number) {
    this.#shards = shards;
  }

  get members(): readonly Member[] {
    return [...this.#members.values()];
  }

  add(id: string, threads: number): void {
    this.#members.set(id, { id, threads, ranges: [] });
    this.#assign();
  }

  /** Returns whether the worker was there. */
  remove(id: string): boolean {
    const removed = this.#members.delete(id);
    if (removed) this.#assign();
    return removed;
  }

  #assign(): void {
    const members = this.members;
    const total = members.reduce((sum, { threads }) => sum + threads, 0);
    let threads = 0;
    let first = 0;
    for (const member of members) {
      threads += member.threads;
      const end = Math.round((threads / total) * this.#shards);
      member.ranges = end > first ? [{ first, end }] : [];
      first = end;
    }
  }
}
