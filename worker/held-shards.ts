/** The shards that a worker advances: their states between two windows, and the replay of what is missing of them. */
import { setTimeout as delay } from 'node:timers/promises';
import { JournalError } from '../shared/errors.js';
import type { PhiHistory } from '../shared/journal/journal.js';
import type { Logger } from '../shared/logger.js';
import { SumTree, type TreeNode } from '../shared/sum-tree.js';
import type { Timeline } from '../shared/timeline.js';
import type { ShardJob } from './episode.js';
import { ThreadLostError, type WindowPool } from './pool.js';
import type { KeptShard } from './resident-shards.js';
import type { SessionId } from './session.js';
import type { ShardHash } from './tasks.js';

/** What shards are computed with. */
export interface HeldShardsOptions {
  pool: WindowPool;
  /** φ's of the past, for replays. */
  history: PhiHistory;
  logger: Logger;
  /** Whether nobody waits for the answer any more. */
  isOver(): boolean;
  /** Whether a pool's only thread keeps the shards on its device; for one of its users at most. @default false */
  resident?: boolean;
}

/** The windows of one round to compute. */
export interface WindowsOrder {
  session: SessionId;
  round: number;
  /** Which window each shard computes. */
  timeline: Timeline;
  /** φ_{round − 1}. */
  phi: Float32Array;
  /** In order. */
  shards: readonly number[];
  /** Of which of them the sum is hashed. */
  hashed?: ReadonlySet<number>;
}

/** The sums of one round. */
export interface ComputedWindows {
  /** The complete nodes over the shards, pre-added. */
  nodes: TreeNode[];
  hashes: ShardHash[];
  /** Windows that were computed again. */
  replayed: number;
}

/** A shard between two windows. */
interface HeldShard {
  /** The last round that it computed. */
  round: number;
  kept: KeptShard;
}

/** For so long a worker waits for a φ of the past that is not in the journal yet. */
const HISTORY_SECONDS = 60;

/** Lost threads in a row, in one round, after which the worker gives up. */
const MOST_LOSSES = 20;

export class HeldShards {
  readonly #options: HeldShardsOptions;
  readonly #held = new Map<number, HeldShard>();
  /** The shards that are held, or being computed. */
  readonly #own = new Set<number>();

  constructor(options: HeldShardsOptions) {
    this.#options = options;
  }

  /** Forgets the states of all shards but these. */
  keepOnly(shards: Iterable<number>): void {
    const kept = new Set(shards);
    for (const shard of this.#held.keys()) if (!kept.has(shard)) this.#held.delete(shard);
    for (const shard of this.#own) if (!kept.has(shard)) this.#own.delete(shard);
  }

  /** Computes a window of each shard, over all threads. */
  async compute(order: WindowsOrder): Promise<ComputedWindows> {
    const tree = new SumTree(order.session.config.shards, { finite: true });
    const hashes: ShardHash[] = [];
    let replayed = 0;
    for (const shard of order.shards) this.#own.add(shard);
    await Promise.all(
      chunksOf(order.shards, this.#options.pool.threads).map(async (shards) => {
        const answer = await this.#computeChunk({ ...order, shards });
        for (const node of answer.nodes) tree.add(node);
        hashes.push(...answer.hashes);
        replayed += answer.replayed;
      }),
    );
    return { nodes: tree.nodes(), hashes, replayed };
  }

  /** Computes some shards in one thread, from the start of their episode where the thread that held them is lost. */
  async #computeChunk(order: WindowsOrder) {
    const { pool, logger, isOver, resident = false } = this.#options;
    const { session, round, phi, shards } = order;
    for (let losses = 0; ; losses++) {
      const jobs = await this.#jobsFor(order);
      try {
        const residents = resident && pool.threads === 1 ? { residents: new Set(this.#own) } : {};
        const answer = await pool.computeWindows({ session, phi, jobs, ...residents });
        for (const { shard, kept } of answer.kept) this.#held.set(shard, { round, kept });
        return answer;
      } catch (error) {
        if (!(error instanceof ThreadLostError) || isOver() || losses >= MOST_LOSSES) throw error;
        logger.warn(`${error.message}; shards ${shards[0]} to ${shards.at(-1)} are replayed`, { round });
      }
    }
  }

  async #jobsFor({ timeline, round, shards, hashed }: WindowsOrder): Promise<ShardJob[]> {
    const missed = new Map<number, Promise<Float32Array[]>>();
    const jobs: ShardJob[] = [];
    const places = shards.map((shard) => [shard, timeline.placeOf(round, shard)] as const);
    for (const [shard, place] of places) {
      const held = this.#held.get(shard);
      // a task takes the state along: until it answers, there is none here
      this.#held.delete(shard);
      const job = { shard, place, isHashed: hashed?.has(shard) ?? false };
      if (place.window === 0) {
        jobs.push({ ...job, missed: [] });
      } else if (held?.round === round - 1) {
        jobs.push({ ...job, kept: held.kept, missed: [] });
      } else {
        const first = round - place.window;
        const phis = missed.get(first) ?? this.#phisOf(first, round);
        missed.set(first, phis);
        jobs.push({ ...job, missed: await phis });
      }
    }
    return jobs;
  }

  /** The φ's under which rounds [first, end) computed. */
  #phisOf(first: number, end: number): Promise<Float32Array[]> {
    const rounds = Array.from({ length: end - first }, (_, index) => first + index);
    return Promise.all(rounds.map((round) => this.#phiOf(round - 1)));
  }

  /** φ_n of the journal. The broadcast of a φ may be ahead of it: waits for it a while. */
  async #phiOf(round: number): Promise<Float32Array> {
    const { history, isOver } = this.#options;
    const until = performance.now() + 1000 * HISTORY_SECONDS;
    for (let pause = 5; ; pause = Math.min(2 * pause, 1000)) {
      try {
        return await history.phi(round);
      } catch (error) {
        if (!(error instanceof JournalError) || isOver() || performance.now() > until) throw error;
      }
      await delay(pause);
    }
  }
}

/** Cuts a list into at most `count` runs whose lengths differ by at most one. */
function chunksOf<Item>(items: readonly Item[], count: number): Item[][] {
  const pieces = Math.min(count, items.length);
  const cut = (piece: number) => Math.floor((piece * items.length) / pieces);
  return Array.from({ length: pieces }, (_, piece) => items.slice(cut(piece), cut(piece + 1)));
}
