/** What each worker was ordered to compute, round by round: its results count for that, and for nothing else. */
import type { Address } from '../shared/bus/bus.js';
import type { ShardRange } from '../shared/messages.js';
import { coverage, type NodePlace } from '../shared/sum-tree.js';
import { type Member, merged } from './roster.js';

/** What a worker was ordered while a round was open. */
interface Ordered {
  ranges: readonly ShardRange[];
  copies: readonly NodePlace[];
}

const NOTHING: Ordered = { ranges: [], copies: [] };

/** Rounds that are remembered: the open one, those whose nodes are still compared, and the one before them. */
const REMEMBERED = 4;

export class Orders {
  readonly #shards: number;
  /** By round, then by worker. */
  readonly #rounds = new Map<number, Map<Address, Ordered>>();
  #open = 0;

  /** @param shards S */
  constructor(shards: number) {
    this.#shards = shards;
    this.#rounds.set(0, new Map());
  }

  /** A round begins, with the orders that stand. */
  open(round: number, members: readonly Member[]): void {
    this.#open = round;
    this.#rounds.set(round, new Map());
    for (const old of this.#rounds.keys()) if (old <= round - REMEMBERED) this.#rounds.delete(old);
    for (const member of members) this.add(member);
  }

  /** From now on a member computes this as well, in the open round. */
  add({ address, ranges, copies }: Member): void {
    const round = this.#rounds.get(this.#open)!;
    const before = round.get(address) ?? NOTHING;
    const added = copies.filter((copy) => !before.copies.some((known) => isSame(known, copy)));
    round.set(address, { ranges: merged([...before.ranges, ...ranges]), copies: [...before.copies, ...added] });
  }

  /**
   * Whether a node lies within what a worker was to advance for a round. An order may be lost: what stood in the round
   * before counts, too.
   */
  advances(worker: Address, round: number, node: NodePlace): boolean {
    const { first, end } = coverage(node, this.#shards);
    const ranges = merged([...this.#of(worker, round - 1).ranges, ...this.#of(worker, round).ranges]);
    return ranges.some((range) => range.first <= first && end <= range.end);
  }

  /** Whether a worker was to copy a node for a round. */
  copies(worker: Address, round: number, node: NodePlace): boolean {
    const { copies } = this.#of(worker, round);
    return [...copies, ...this.#of(worker, round - 1).copies].some((copy) => isSame(copy, node));
  }

  #of(worker: Address, round: number): Ordered {
    return this.#rounds.get(round)?.get(worker) ?? NOTHING;
  }
}

function isSame(a: NodePlace, b: NodePlace): boolean {
  return a.level === b.level && a.index === b.index;
}
