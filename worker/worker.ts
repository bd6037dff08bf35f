/** A worker: advances the shards it was ordered to, a window at every φ, and sends their pre-added sums. */
import type { Bus, Unsubscribe } from '../shared/bus/bus.js';
import { windowOf } from '../shared/episodes.js';
import { LoptError, messageOf } from '../shared/errors.js';
import type { PhiHistory } from '../shared/journal/journal.js';
import type { Logger } from '../shared/logger.js';
import {
  type AnnounceMessage,
  type EvaluateMessage,
  type PhiMessage,
  PROTOCOL,
  type ResultMessage,
  type ShardRange,
  type ToWorker,
} from '../shared/messages.js';
import { SumTree } from '../shared/sum-tree.js';
import type { ShardState } from './engines/engine.js';
import type { ShardJob } from './episode.js';
import { type Pool, ThreadLostError } from './pool.js';

/** Options of a worker. */
export interface WorkerOptions {
  /** Its name among the workers. */
  id: string;
  bus: Bus;
  pool: Pool;
  /** φ's of the past, for replays. */
  history: PhiHistory;
  logger: Logger;
}

/** A shard between two windows. */
interface HeldShard {
  /** The last round that it computed. */
  round: number;
  state: ShardState;
}

/** This worker's only start: within one process it does not come back under the same name. */
const INCARNATION = 1;

/** Lost threads in a row, in one round, after which the worker gives up. */
const MOST_LOSSES = 20;

export class Worker {
  readonly #options: WorkerOptions;
  readonly #unsubscribe: Unsubscribe;
  readonly #held = new Map<number, HeldShard>();
  /** The shards that are computed or were, by round: the last two rounds. */
  readonly #begun = new Map<number, Set<number>>();
  readonly #results = new Map<number, ResultMessage[]>();
  #run: AnnounceMessage | undefined;
  #ranges: readonly ShardRange[] = [];
  #phi: PhiMessage | undefined;
  #closed = false;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#unsubscribe = options.bus.onWorker(options.id, (message) => this.#receive(message));
  }

  /** Leaves the run; idempotent. The pool stays open. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#unsubscribe();
    this.#options.bus.toCoordinator({ type: 'goodbye', worker: this.#options.id });
  }

  #receive(message: ToWorker): void {
    switch (message.type) {
      case 'announce':
        this.#guard(this.#join(message));
        return;
      case 'refuse':
        this.#guard(Promise.reject(new LoptError(`Worker ${this.#options.id} is refused: ${message.reason}`)));
        return;
      case 'order':
        if (message.term < (this.#run?.term ?? 0)) return;
        this.#ranges = message.ranges;
        this.#forgetOthers();
        if (this.#phi) this.#guard(this.#computeRound(this.#phi));
        return;
      case 'phi':
        if (message.term < (this.#run?.term ?? 0)) return;
        this.#phi = message;
        this.#guard(this.#computeRound(message));
        return;
      case 'evaluate':
        this.#guard(this.#evaluate(message));
        return;
      case 'finished':
        this.#ranges = [];
    }
  }

  /** What fails here cannot be mended here: the worker says why and leaves. */
  #guard(work: Promise<void>): void {
    work.catch((error: unknown) => {
      if (this.#closed) return;
      this.#closed = true;
      this.#unsubscribe();
      this.#options.bus.toCoordinator({ type: 'goodbye', worker: this.#options.id, error: messageOf(error) });
    });
  }

  async #join(run: AnnounceMessage): Promise<void> {
    const { bus, id, pool } = this.#options;
    if (this.#run?.digest === run.digest && this.#run.term === run.term) {
      bus.toCoordinator({ type: 'heartbeat', worker: id, incarnation: INCARNATION });
      return;
    }
    if (this.#run?.digest !== run.digest) this.#forgetRun();
    this.#run = run;
    const fingerprint = await pool.fingerprint({ digest: run.digest, config: run.config });
    bus.toCoordinator({
      type: 'hello',
      worker: id,
      incarnation: INCARNATION,
      threads: pool.threads,
      fingerprint,
      protocol: PROTOCOL,
      digest: run.digest,
    });
  }

  /** Starts the windows of round `phi.round` + 1 that are ordered and not begun; sends again what is done. */
  async #computeRound({ round: before, phi }: PhiMessage): Promise<void> {
    const run = this.#run;
    if (!run || this.#ranges.length === 0) return;
    const round = before + 1;
    for (const kept of [this.#begun, this.#results]) {
      for (const old of kept.keys()) if (old < round - 1) kept.delete(old);
    }
    for (const result of this.#results.get(round) ?? []) this.#options.bus.toCoordinator(result);

    const begun = this.#begun.get(round) ?? new Set<number>();
    this.#begun.set(round, begun);
    const shards = this.#orderedShards().filter((shard) => !begun.has(shard));
    for (const shard of shards) begun.add(shard);
    if (shards.length === 0) return;

    const tree = new SumTree(run.config.shards, { finite: true });
    const shared = sharedCopy(phi);
    let replayed = 0;
    await Promise.all(
      chunksOf(shards, this.#options.pool.threads).map(async (chunk) => {
        const answer = await this.#computeChunk(run, round, shared, chunk);
        for (const node of answer.nodes) tree.add(node);
        replayed += answer.replayed;
      }),
    );
    if (this.#closed) return;
    const results = tree.nodes().map(
      (node, index): ResultMessage => ({
        type: 'result',
        worker: this.#options.id,
        digest: run.digest,
        round,
        node,
        replayed: index === 0 ? replayed : 0,
      }),
    );
    this.#results.set(round, [...(this.#results.get(round) ?? []), ...results]);
    for (const result of results) this.#options.bus.toCoordinator(result);
  }

  /** Computes some shards in one thread, from the start of their episode where the thread that held them is lost. */
  async #computeChunk(run: AnnounceMessage, round: number, phi: Float32Array, shards: readonly number[]) {
    for (let losses = 0; ; losses++) {
      const jobs = await this.#jobsFor(run, round, shards);
      try {
        const answer = await this.#options.pool.computeWindows({
          session: { digest: run.digest, config: run.config },
          phi,
          jobs,
        });
        for (const { shard, state } of answer.states) this.#held.set(shard, { round, state });
        return answer;
      } catch (error) {
        if (!(error instanceof ThreadLostError) || this.#closed || losses >= MOST_LOSSES) throw error;
        this.#options.logger.warn(`${error.message}; shards ${shards[0]} to ${shards.at(-1)} are replayed`);
      }
    }
  }

  async #jobsFor(run: AnnounceMessage, round: number, shards: readonly number[]): Promise<ShardJob[]> {
    const place = windowOf(round, run.config);
    let missed: Promise<Float32Array[]> | undefined;
    const jobs: ShardJob[] = [];
    for (const shard of shards) {
      const held = this.#held.get(shard);
      // a task takes the state along: until it answers, there is none here
      this.#held.delete(shard);
      if (place.window === 0) {
        jobs.push({ shard, place, missed: [] });
      } else if (held?.round === round - 1) {
        jobs.push({ shard, place, state: held.state, missed: [] });
      } else {
        missed ??= this.#phisOf(round - place.window, round);
        jobs.push({ shard, place, missed: await missed });
      }
    }
    return jobs;
  }

  /** The φ's under which rounds [first, end) computed. */
  #phisOf(first: number, end: number): Promise<Float32Array[]> {
    const rounds = Array.from({ length: end - first }, (_, index) => first + index);
    return Promise.all(rounds.map((round) => this.#options.history.phi(round - 1)));
  }

  async #evaluate({ round, phi, chunks }: EvaluateMessage): Promise<void> {
    const run = this.#run;
    if (!run) return;
    const { bus, id, pool } = this.#options;
    const { config, digest } = run;
    await Promise.all(
      chunks.map(async ({ chunk, count }) => {
        const request = {
          seed: config.seed,
          purpose: 'heldOut',
          split: 'held-out',
          chunk,
          count,
          horizon: config.horizon,
        } as const;
        const scores = await pool.evaluate({ session: { digest, config }, optimizer: { phi }, request });
        if (!this.#closed) bus.toCoordinator({ type: 'evaluation', worker: id, digest, round, scores });
      }),
    );
  }

  #orderedShards(): number[] {
    return this.#ranges.flatMap(({ first, end }) => Array.from({ length: end - first }, (_, index) => first + index));
  }

  /** Another run begins: nothing of the one before is of use. */
  #forgetRun(): void {
    this.#held.clear();
    this.#begun.clear();
    this.#results.clear();
    this.#phi = undefined;
    this.#ranges = [];
  }

  #forgetOthers(): void {
    const mine = new Set(this.#orderedShards());
    for (const shard of this.#held.keys()) if (!mine.has(shard)) this.#held.delete(shard);
  }
}

/** A copy that all threads see without one of their own. */
function sharedCopy(phi: Float32Array): Float32Array {
  const copy = new Float32Array(new SharedArrayBuffer(phi.byteLength));
  copy.set(phi);
  return copy;
}

/** Cuts a list into at most `count` runs whose lengths differ by at most one. */
function chunksOf<Item>(items: readonly Item[], count: number): Item[][] {
  const pieces = Math.min(count, items.length);
  const cut = (piece: number) => Math.floor((piece * items.length) / pieces);
  return Array.from({ length: pieces }, (_, piece) => items.slice(cut(piece), cut(piece + 1)));
}
