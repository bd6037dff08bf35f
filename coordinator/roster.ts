/** Who works, and which shards each worker advances. */
import type { Address } from '../shared/bus/bus.js';
import type { ShardRange } from '../shared/messages.js';
import type { NodePlace } from '../shared/sum-tree.js';

/** A worker that has joined. */
export interface Member {
  readonly id: string;
  /** Where it is reached: what comes from elsewhere does not come from it. */
  readonly address: Address;
  /** Of its engine. */
  readonly fingerprint: string;
  /** Which start of the worker this is. */
  readonly incarnation: number;
  readonly threads: number;
  /** What its share of the shards is in proportion to: its threads, less if it was late. */
  weight: number;
  /** The shards that it is ordered to advance, in order. */
  ranges: readonly ShardRange[];
  /** The nodes of others' shards that it computes as well, as a check. */
  copies: readonly NodePlace[];
}

/**
 * The workers of a run. Shards move by choice only when `rebalance` is called, at the start of an episode; when a worker
 * is gone or late, the others take over what was its own, and must replay it.
 */
export class Roster {
  readonly #shards: number;
  readonly #members = new Map<string, Member>();
  /**
   * Whether members of different engines each have all shards among themselves: it is not known yet whose results count, and
   * some may never send one.
   */
  apart = false;

  /** @param shards S */
  constructor(shards: number) {
    this.#shards = shards;
  }

  get members(): readonly Member[] {
    return [...this.#members.values()];
  }

  get size(): number {
    return this.#members.size;
  }

  get(id: string): Member | undefined {
    return this.#members.get(id);
  }

  /** A worker joins: it advances what nobody else does, and otherwise waits for `rebalance`. */
  add(newcomer: Pick<Member, 'id' | 'address' | 'fingerprint' | 'incarnation' | 'threads'>): Member {
    const taken = this.#among(newcomer).flatMap(({ ranges }) => ranges);
    const member: Member = {
      ...newcomer,
      weight: newcomer.threads,
      ranges: taken.length === 0 ? [{ first: 0, end: this.#shards }] : [],
      copies: [],
    };
    this.#members.set(member.id, member);
    return member;
  }

  /** A worker is gone. Returns those that have more to do now. */
  remove(id: string): Member[] {
    const member = this.#members.get(id);
    if (!member) return [];
    this.#members.delete(id);
    return this.#deal(member.ranges, this.#among(member));
  }

  /** Takes a worker's shards away and gives them to the `others`. Returns those that have more to do now. */
  relieve(id: string, others: readonly Member[]): Member[] {
    const member = this.#members.get(id);
    const heirs = member ? this.#among(member).filter((other) => others.includes(other)) : [];
    if (!member || heirs.length === 0) return [];
    const { ranges } = member;
    member.ranges = [];
    return this.#deal(ranges, heirs);
  }

  /** Gives every worker one contiguous range in proportion to its weight. Returns those whose shards are others now. */
  rebalance(): Member[] {
    const { members } = this;
    const before = new Map(members.map((member) => [member, JSON.stringify(member.ranges)]));
    for (const member of members) member.ranges = [];
    const groups = this.apart ? [...new Set(members.map(({ fingerprint }) => fingerprint))] : [undefined];
    for (const group of groups) {
      const own = members.filter(({ fingerprint }) => group === undefined || fingerprint === group);
      this.#deal([{ first: 0, end: this.#shards }], own);
    }
    return members.filter((member) => JSON.stringify(member.ranges) !== before.get(member));
  }

  /** The members that share the shards with one. */
  #among({ fingerprint }: Pick<Member, 'fingerprint'>): Member[] {
    return this.members.filter((member) => !this.apart || member.fingerprint === fingerprint);
  }

  /** Cuts ranges in proportion to the members' weights, and adds each one's part to what it has. */
  #deal(ranges: readonly ShardRange[], members: readonly Member[]): Member[] {
    const total = members.reduce((sum, { weight }) => sum + weight, 0);
    const count = ranges.reduce((sum, { first, end }) => sum + end - first, 0);
    const changed: Member[] = [];
    let weight = 0;
    let from = 0;
    for (const member of members) {
      weight += member.weight;
      const to = Math.round((weight / total) * count);
      if (to > from) {
        member.ranges = merged([...member.ranges, ...slice(ranges, from, to)]);
        changed.push(member);
      }
      from = to;
    }
    return changed;
  }
}

/** The shards of ranges, counted through, from position `from` to before `to`. */
function slice(ranges: readonly ShardRange[], from: number, to: number): ShardRange[] {
  const parts: ShardRange[] = [];
  let position = 0;
  for (const { first, end } of ranges) {
    const start = Math.max(first, first + from - position);
    const stop = Math.min(end, first + to - position);
    if (stop > start) parts.push({ first: start, end: stop });
    position += end - first;
  }
  return parts;
}

/** Ranges in order; those that touch or overlap are joined. */
export function merged(ranges: readonly ShardRange[]): ShardRange[] {
  const result: ShardRange[] = [];
  for (const range of ranges.toSorted((a, b) => a.first - b.first)) {
    const last = result.at(-1);
    if (last && last.end >= range.first) last.end = Math.max(last.end, range.end);
    else result.push({ ...range });
  }
  return result;
}

/** Shards of ranges. */
export function sizeOf(ranges: readonly ShardRange[]): number {
  return ranges.reduce((sum, { first, end }) => sum + end - first, 0);
}
