/** What each worker is to compute for the open round, and who is late with it. Times are in seconds. */
import type { ShardRange } from '../shared/messages.js';
import type { Timeline } from '../shared/timeline.js';
import { type DeadlineOptions, Deadlines } from './deadlines.js';
import { type Member, sizeOf } from './roster.js';

/** A round as far as its membership goes. */
export interface RoundInProgress {
  readonly number: number;
  /** Whether a shard's sum is here. */
  has(shard: number): boolean;
}

export class Expectations {
  readonly #deadlines: Deadlines;
  /** Shards of each worker that are not in yet; a quick count, which `late` looks at more closely. */
  readonly #outstanding = new Map<string, number>();
  #round: RoundInProgress | undefined;
  #timeline: Timeline | undefined;

  constructor(deadlines?: DeadlineOptions) {
    this.#deadlines = new Deadlines(deadlines);
  }

  /** A round begins. */
  open(round: RoundInProgress, timeline: Timeline): void {
    this.#round = round;
    this.#timeline = timeline;
  }

  /** Starts the clock of a member's part of the open round. @param isTakingOver whether it must replay what others had */
  expect({ id, ranges, threads }: Member, now: number, isTakingOver = false): void {
    const shards = sizeOf(ranges);
    if (!this.#round || shards === 0) return;
    const replays = isTakingOver ? this.#longestReplay(this.#round.number, ranges) : 0;
    this.#outstanding.set(id, shards);
    this.#deadlines.ordered(id, Math.ceil(shards / threads) * (1 + replays), !isTakingOver, now);
  }

  /** So many shards of the open round came from a worker. */
  received(worker: string, shards: number, now: number): void {
    const left = (this.#outstanding.get(worker) ?? 0) - shards;
    this.#outstanding.set(worker, left);
    if (left === 0) this.#deadlines.finished(worker, now);
  }

  /** Nothing is expected of a worker any more. */
  forget(worker: string): void {
    this.#deadlines.forget(worker);
    this.#outstanding.delete(worker);
  }

  /** The members whose part of the open round is late; each is given as much time again. */
  late(members: readonly Member[], now: number): Member[] {
    return this.#deadlines
      .late(now)
      .map((worker) => members.find(({ id }) => id === worker))
      .filter((member) => member !== undefined)
      .filter((member) => this.#misses(member));
  }

  /** When the first of the parts of the open round that are still to come is due; undefined if none is expected. */
  nextDueAt(members: readonly Member[]): number | undefined {
    const due = members.filter((member) => this.#misses(member)).map(({ id }) => this.#deadlines.firstDueAt(id));
    const known = due.filter((at) => at !== undefined);
    return known.length === 0 ? undefined : Math.min(...known);
  }

  /** Whether a member's part of the open round is not complete: its shards may have come from others. */
  #misses({ ranges }: Member): boolean {
    const round = this.#round;
    return round !== undefined && ranges.some((range) => shardsOf(range).some((shard) => !round.has(shard)));
  }

  /** Windows before this one, of the shard that has the most. */
  #longestReplay(round: number, ranges: readonly ShardRange[]): number {
    const windows = ranges.flatMap(shardsOf).map((shard) => this.#timeline!.placeOf(round, shard).window);
    return Math.max(...windows);
  }
}

function shardsOf({ first, end }: ShardRange): number[] {
  return Array.from({ length: end - first }, (_, index) => first + index);
}
