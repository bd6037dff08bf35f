/** Who may join, who is gone, who is late: decides which worker computes what, and never what is computed. */
import type { Bus } from '../shared/bus/bus.js';
import type { Logger } from '../shared/logger.js';
import { type HeartbeatMessage, type HelloMessage, PROTOCOL, type ShardRange } from '../shared/messages.js';
import { SparingLogger } from '../shared/sparing-logger.js';
import type { NodePlace } from '../shared/sum-tree.js';
import type { Timeline } from '../shared/timeline.js';
import { Copies, type CopiesOptions } from './copies.js';
import { type DeadlineOptions, Deadlines } from './deadlines.js';
import { type Member, Roster, sizeOf } from './roster.js';

/** Why a worker's shards went to others. */
export type Reassignment = 'left' | 'silent' | 'late' | 'banned';

export interface MembershipOptions {
  bus: Bus;
  logger: Logger;
  digest: string;
  config: CopiesOptions['config'];
  /** Share of the shards that two workers compute. @default DOUBLED_SHARE */
  doubledShare?: number | undefined;
  deadlines?: DeadlineOptions;
  /** Seconds without a heartbeat after which a worker counts as gone. @default 5 */
  silence?: number;
  /** A worker's share of a round has been given to others. */
  onReassigned?: (worker: string, why: Reassignment) => void;
}

/** A round as far as its membership goes. */
export interface RoundInProgress {
  readonly number: number;
  /** Whether a shard's sum is here. */
  has(shard: number): boolean;
}

/** What the fingerprint of the run is, once there is one. */
type Fingerprint = string | null;

/** A worker that was late has half the weight, down to an eighth, and regains it in the episodes that follow. */
const LEAST_WEIGHT = 1 / 8;
const REGAIN = 1.25;

export class Membership {
  readonly #options: MembershipOptions;
  readonly #strangers: SparingLogger;
  readonly #roster: Roster;
  readonly #deadlines: Deadlines;
  readonly #copies: Copies;
  /** Why a worker may not come back, by its name. */
  readonly #banned = new Map<string, string>();
  readonly #seen = new Map<string, number>();
  /** Shards of each worker that are not in yet; a quick count, which `late` looks at more closely. */
  readonly #outstanding = new Map<string, number>();
  #term = 0;
  #round: RoundInProgress | undefined;
  #timeline: Timeline | undefined;
  #tickedAt: number | undefined;
  fingerprint: Fingerprint = null;

  constructor(options: MembershipOptions) {
    this.#options = options;
    this.#strangers = new SparingLogger(options.logger);
    this.#roster = new Roster(options.config.shards);
    this.#deadlines = new Deadlines(options.deadlines);
    this.#copies = new Copies({ config: options.config, share: options.doubledShare });
  }

  set term(term: number) {
    this.#term = term;
  }

  get members(): readonly Member[] {
    return this.#roster.members;
  }

  get size(): number {
    return this.#roster.size;
  }

  has(worker: string): boolean {
    return this.#roster.get(worker) !== undefined;
  }

  /**
   * A worker wants to join. Returns the members that have shards to compute now, which need φ; undefined where it is
   * refused, or was here already.
   */
  welcome({ worker, incarnation, threads, fingerprint, protocol, digest }: HelloMessage): Member[] | undefined {
    const known = this.#roster.get(worker);
    if (known?.incarnation === incarnation) {
      this.#seen.set(worker, now());
      this.#sendOrder(known);
      return [known];
    }
    const expected = this.fingerprint ?? fingerprint;
    const ban = this.#banned.get(worker);
    const reason =
      ban ??
      (protocol !== PROTOCOL
        ? `it speaks protocol ${protocol}, and this run protocol ${PROTOCOL}`
        : digest !== this.#options.digest
          ? 'its configuration is another one'
          : fingerprint !== expected
            ? `its engine computes other bits: it is "${fingerprint}", and this run's is "${expected}"`
            : undefined);
    if (reason !== undefined) {
      this.refuse(worker, reason);
      return undefined;
    }
    const changed = known ? this.leave(worker, 'left') : [];
    this.fingerprint = fingerprint;
    this.#seen.set(worker, now());
    const member = this.#roster.add(worker, incarnation, threads);
    this.#expect(member);
    this.#sendOrder(member);
    return [...new Set([member, ...changed, ...this.#assignCopies()])];
  }

  refuse(worker: string, reason: string): void {
    this.#strangers.warn(`Worker ${worker} is refused: ${reason}`, { worker });
    this.#options.bus.toWorker(worker, { type: 'refuse', worker, reason });
  }

  /** A worker lives. One that is not known, or knows another order than it was given, is told again. */
  alive({ worker, incarnation, ranges, copies }: HeartbeatMessage): void {
    const member = this.#roster.get(worker);
    if (member?.incarnation !== incarnation) {
      this.#options.bus.toWorker(worker, { type: 'rejoin' });
      return;
    }
    this.#seen.set(worker, now());
    if (JSON.stringify([ranges, copies]) !== JSON.stringify([member.ranges, member.copies])) this.#sendOrder(member);
  }

  /** A worker is gone. Returns the members that compute its shards now, which need φ. */
  leave(worker: string, why: Exclude<Reassignment, 'late'>): Member[] {
    const had = sizeOf(this.#roster.get(worker)?.ranges ?? []);
    const changed = this.#roster.remove(worker);
    this.#seen.delete(worker);
    this.#deadlines.forget(worker);
    this.#outstanding.delete(worker);
    if (had > 0) this.#options.onReassigned?.(worker, why);
    this.#reorder(changed);
    return [...new Set([...changed, ...this.#assignCopies()])];
  }

  /** A worker computes wrongly: it is out of the run, whatever it is started as. Returns what `leave` does. */
  ban(worker: string, reason: string): Member[] {
    this.#banned.set(worker, reason);
    this.#options.bus.toWorker(worker, { type: 'refuse', worker, reason });
    return this.leave(worker, 'banned');
  }

  /** Has a node computed by one who has not voted on it. Returns the members whose orders have changed, which need φ. */
  ask(node: NodePlace, voters: Iterable<string>): Member[] {
    this.#copies.ask(node, voters);
    return this.#assignCopies();
  }

  /** Who was asked about a node; undefined where there is nobody. */
  asked(node: NodePlace): string | undefined {
    return this.#copies.asked(node);
  }

  /** Nobody needs to compute a node that was asked about any more. */
  settle(node: NodePlace): Member[] {
    this.#copies.settle(node);
    return this.#assignCopies();
  }

  /**
   * A round begins. At the start of an episode the shards are shared out anew; where shards are staggered, at that of the
   * first one, and what moves then is replayed.
   */
  open(round: RoundInProgress, timeline: Timeline): void {
    this.#round = round;
    this.#timeline = timeline;
    const others = this.#copies.begin((shard) => timeline.placeOf(round.number, shard).episode);
    if (timeline.placeOf(round.number, 0).window === 0) {
      for (const member of this.members) member.weight = Math.min(member.threads, member.weight * REGAIN);
      const changed = this.#roster.rebalance();
      for (const member of new Set([...changed, ...this.#copies.assign(this.members)])) this.#sendOrder(member);
    } else if (others) {
      for (const member of this.#copies.assign(this.members)) this.#sendOrder(member);
    }
    for (const member of this.members) this.#expect(member);
  }

  /** So many shards of the open round came from a worker. */
  received(worker: string, shards: number): void {
    const left = (this.#outstanding.get(worker) ?? 0) - shards;
    this.#outstanding.set(worker, left);
    if (left === 0) this.#deadlines.finished(worker, now());
  }

  /** Looks for workers that are silent or late. Returns the members that compute more now, which need φ. */
  tick(): Member[] {
    const time = now();
    // where this process itself slept, nobody else is to blame
    const slept = this.#tickedAt !== undefined && time - this.#tickedAt > 2;
    this.#tickedAt = time;
    if (slept) for (const worker of this.#seen.keys()) this.#seen.set(worker, time);
    const changed = new Set<Member>();
    for (const [worker, seenAt] of this.#seen) {
      if (time - seenAt <= (this.#options.silence ?? 5)) continue;
      this.#options.logger.warn(`Worker ${worker} is silent: its shards go to others`, { worker });
      for (const member of this.leave(worker, 'silent')) changed.add(member);
    }
    if (!slept) for (const member of this.#relieveLate(time)) changed.add(member);
    return [...changed].filter(({ id }) => this.has(id));
  }

  #relieveLate(time: number): Member[] {
    const late = this.#deadlines
      .late(time)
      .map((worker) => this.#roster.get(worker))
      .filter((member) => member !== undefined)
      .filter((member) => this.#misses(member));
    const others = this.members.filter((member) => !late.includes(member));
    if (others.length === 0) return [];
    const changed = new Set<Member>();
    for (const member of late) {
      this.#options.logger.warn(`Worker ${member.id} is late: its shards go to others`, { worker: member.id });
      member.weight = Math.max(member.weight / 2, member.threads * LEAST_WEIGHT);
      for (const other of this.#roster.relieve(member.id, others)) changed.add(other);
      this.#sendOrder(member);
      this.#deadlines.forget(member.id);
      this.#options.onReassigned?.(member.id, 'late');
    }
    this.#reorder([...changed]);
    for (const member of this.#assignCopies()) changed.add(member);
    return [...changed];
  }

  /** Whether a member's part of the open round is not complete. */
  #misses({ ranges }: Member): boolean {
    const round = this.#round;
    return round !== undefined && ranges.some((range) => shardsOf(range).some((shard) => !round.has(shard)));
  }

  #reorder(members: readonly Member[]): void {
    for (const member of members) {
      this.#sendOrder(member);
      this.#expect(member, true);
    }
  }

  /** Shares the copies out anew, as far as those who computed them cannot any more. Returns the members with other ones. */
  #assignCopies(): Member[] {
    const changed = this.#copies.assign(this.members);
    for (const member of changed) this.#sendOrder(member);
    return changed;
  }

  /** Starts the clock of a member's part of the open round. */
  #expect({ id, ranges, threads }: Member, replaying = false): void {
    const shards = sizeOf(ranges);
    if (!this.#round || shards === 0) return;
    const replays = replaying ? this.#longestReplay(this.#round.number, ranges) : 0;
    this.#outstanding.set(id, shards);
    this.#deadlines.ordered(id, Math.ceil(shards / threads) * (1 + replays), !replaying, now());
  }

  /** Windows before this one, of the shard that has the most. */
  #longestReplay(round: number, ranges: readonly ShardRange[]): number {
    const windows = ranges.flatMap(shardsOf).map((shard) => this.#timeline!.placeOf(round, shard).window);
    return Math.max(...windows);
  }

  #sendOrder({ id, ranges, copies }: Member): void {
    const round = this.#round?.number ?? 0;
    this.#options.bus.toWorker(id, { type: 'order', term: this.#term, round, ranges, copies });
  }
}

function shardsOf({ first, end }: ShardRange): number[] {
  return Array.from({ length: end - first }, (_, index) => first + index);
}

/** Seconds of a clock that only goes forward. */
function now(): number {
  return performance.now() / 1000;
}
