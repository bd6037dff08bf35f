/** A worker: advances the shards it was ordered to, a window at every φ, and sends their pre-added sums. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Bus, Unsubscribe } from '../shared/bus/bus.js';
import { windowOf } from '../shared/episodes.js';
import { JournalError, LoptError, messageOf } from '../shared/errors.js';
import type { PhiHistory } from '../shared/journal/journal.js';
import type { Logger } from '../shared/logger.js';
import {
  type AnnounceMessage,
  type ChunkScores,
  type EvaluateMessage,
  type EvaluationChunk,
  type PhiMessage,
  PROTOCOL,
  type ResultMessage,
  type ShardRange,
  type ToWorker,
} from '../shared/messages.js';
import { SumTree } from '../shared/sum-tree.js';
import type { ShardState } from './engines/engine.js';
import type { ShardJob } from './episode.js';
import type { WorkerObserver } from './observer.js';
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
  observer?: WorkerObserver;
  /** Where the problems' data lie here, by option, instead of where the coordinator has them. */
  folders?: Readonly<Record<string, string>>;
  /** Tells this start of the worker from others of its name. @default 1 */
  incarnation?: number;
  /** Told when the worker leaves for good, and why: it was refused, or what it computes failed. */
  onFailed?: (error: Error) => void;
}

/** A shard between two windows. */
interface HeldShard {
  /** The last round that it computed. */
  round: number;
  state: ShardState;
}

/** For so long a worker waits for a φ of the past that is not in the journal yet. */
const HISTORY_SECONDS = 60;

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
  #fingerprint = '';
  #ranges: readonly ShardRange[] = [];
  /** The first round that the order is about. */
  #orderedFrom = 0;
  #phi: PhiMessage | undefined;
  /** Announcements since the newest φ, and at how many of them the results are sent again. */
  #idle = { announcements: 0, resendAt: 2 };
  /** The chunks of the newest evaluations, computed or under way, by round. */
  readonly #scores = new Map<number, Map<number, Promise<ChunkScores>>>();
  #draining = false;
  /** Whether the run is over: nobody is there who would take a goodbye. */
  #finished = false;
  #computing = 0;
  #onIdle: () => void = () => {};
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
    if (!this.#finished) this.#options.bus.toCoordinator({ type: 'goodbye', worker: this.#options.id });
    this.#options.observer?.released?.();
  }

  /** Finishes the windows that it computes, sends them, and leaves. */
  async drain(): Promise<void> {
    this.#draining = true;
    if (this.#computing > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    await this.close();
  }

  /** Sends and does nothing from now on, as if the process were gone. */
  abandon(): void {
    this.#closed = true;
    this.#unsubscribe();
  }

  #receive(message: ToWorker): void {
    switch (message.type) {
      case 'announce':
        this.#finished = false;
        this.#guard(this.#join(message));
        return;
      case 'rejoin':
        if (this.#fingerprint !== '') this.#sayHello();
        return;
      case 'refuse':
        this.#guard(Promise.reject(new LoptError(`Worker ${this.#options.id} is refused: ${message.reason}`)));
        return;
      case 'order':
        if (message.term < (this.#run?.term ?? 0)) return;
        this.#ranges = message.ranges;
        this.#orderedFrom = message.round;
        this.#forgetOthers();
        if (this.#run) this.#options.observer?.ordered?.(this.#run, this.#orderedShards().length);
        if (this.#phi) this.#guard(this.#computeRound(this.#phi));
        return;
      case 'phi':
        if (message.term < (this.#run?.term ?? 0)) return;
        this.#begin(message);
        return;
      case 'evaluate':
        this.#guard(this.#evaluate(message));
        return;
      case 'finished':
        this.#finished = true;
        this.#ranges = [];
        this.#options.observer?.released?.();
    }
  }

  /** What fails here cannot be mended here: the worker says why and leaves. */
  #guard(work: Promise<void>): void {
    work.catch((error: unknown) => {
      if (this.#closed) return;
      this.#closed = true;
      this.#unsubscribe();
      this.#options.bus.toCoordinator({ type: 'goodbye', worker: this.#options.id, error: messageOf(error) });
      this.#options.observer?.released?.();
      this.#options.onFailed?.(error instanceof Error ? error : new LoptError(messageOf(error)));
    });
  }

  #begin(phi: PhiMessage): void {
    if (phi.round !== this.#phi?.round) this.#idle = { announcements: 0, resendAt: 2 };
    this.#phi = phi;
    this.#guard(this.#computeRound(phi));
  }

  async #join(run: AnnounceMessage): Promise<void> {
    const { bus, id, pool, folders, incarnation = 1 } = this.#options;
    if (this.#draining || run.term < (this.#run?.term ?? 0)) return;
    const known = this.#run?.digest === run.digest && this.#run.term === run.term;
    if (known && this.#fingerprint !== '') {
      bus.toCoordinator({ type: 'heartbeat', worker: id, incarnation, ranges: this.#ranges });
      await this.#catchUp(run);
      return;
    }
    if (known) return;
    const sameRun = this.#run?.digest === run.digest;
    if (!sameRun) this.#forgetRun();
    const config = { ...run.config, folders: { ...run.config.folders, ...folders } };
    this.#run = { ...run, config };
    if (!sameRun) this.#fingerprint = await pool.fingerprint({ digest: run.digest, config });
    if (this.#fingerprint !== '') this.#sayHello();
  }

  #sayHello(): void {
    const { bus, id, pool, incarnation = 1 } = this.#options;
    bus.toCoordinator({
      type: 'hello',
      worker: id,
      incarnation,
      threads: pool.threads,
      fingerprint: this.#fingerprint,
      protocol: PROTOCOL,
      digest: this.#run!.digest,
    });
  }

  /** Messages may be lost: a φ that was missed is read from the journal, and results that did not count are sent again. */
  async #catchUp({ round, term }: AnnounceMessage): Promise<void> {
    if (this.#ranges.length === 0) return;
    if (round > (this.#phi?.round ?? -1)) {
      const phi = await this.#options.history.phi(round).catch(() => undefined);
      // not in the journal yet: the next announcement comes in a second
      if (phi && round > (this.#phi?.round ?? -1)) this.#begin({ type: 'phi', term, round, phi });
      return;
    }
    this.#idle.announcements += 1;
    if (this.#idle.announcements < this.#idle.resendAt) return;
    this.#idle.resendAt *= 2;
    for (const result of this.#results.get(round + 1) ?? []) this.#options.bus.toCoordinator(result);
  }

  /** Starts the windows of round `phi.round` + 1 that are ordered and not begun; sends again what is done. */
  async #computeRound({ round: before, phi }: PhiMessage): Promise<void> {
    const run = this.#run;
    const round = before + 1;
    if (!run || this.#draining || this.#ranges.length === 0 || round < this.#orderedFrom) return;
    for (const kept of [this.#begun, this.#results]) {
      for (const old of kept.keys()) if (old < round - 1) kept.delete(old);
    }
    for (const result of this.#results.get(round) ?? []) this.#options.bus.toCoordinator(result);

    const begun = this.#begun.get(round) ?? new Set<number>();
    this.#begun.set(round, begun);
    const shards = this.#orderedShards().filter((shard) => !begun.has(shard));
    for (const shard of shards) begun.add(shard);
    if (shards.length === 0) return;

    this.#computing += 1;
    try {
      await this.#computeShards(run, round, phi, shards);
    } finally {
      this.#computing -= 1;
      if (this.#computing === 0) this.#onIdle();
    }
  }

  async #computeShards(
    run: AnnounceMessage,
    round: number,
    phi: Float32Array,
    shards: readonly number[],
  ): Promise<void> {
    const startedAt = performance.now();
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
    const seconds = (performance.now() - startedAt) / 1000;
    this.#options.observer?.computed?.(round, { windows: shards.length, replayed, seconds });
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
        this.#options.logger.warn(`${error.message}; shards ${shards[0]} to ${shards.at(-1)} are replayed`, { round });
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
    return Promise.all(rounds.map((round) => this.#phiOf(round - 1)));
  }

  /** φ_n of the journal. The broadcast of a φ may be ahead of it: waits for it a while. */
  async #phiOf(round: number): Promise<Float32Array> {
    const { history } = this.#options;
    const until = performance.now() + 1000 * HISTORY_SECONDS;
    for (let pause = 5; ; pause = Math.min(2 * pause, 1000)) {
      try {
        return await history.phi(round);
      } catch (error) {
        if (!(error instanceof JournalError) || this.#closed || performance.now() > until) throw error;
      }
      await delay(pause);
    }
  }

  async #evaluate({ round, phi, chunks }: EvaluateMessage): Promise<void> {
    const run = this.#run;
    if (!run) return;
    const { bus, id } = this.#options;
    for (const old of this.#scores.keys()) if (old < round) this.#scores.delete(old);
    const scores = this.#scores.get(round) ?? new Map<number, Promise<ChunkScores>>();
    this.#scores.set(round, scores);
    await Promise.all(
      chunks.map(async (chunk) => {
        // a chunk that is asked for again was lost on the way, or is still being computed
        const computed = scores.get(chunk.chunk) ?? this.#scoreChunk(run, phi, chunk);
        scores.set(chunk.chunk, computed);
        const answer = await computed;
        if (!this.#closed) {
          bus.toCoordinator({ type: 'evaluation', worker: id, digest: run.digest, round, scores: answer });
        }
      }),
    );
  }

  #scoreChunk({ config, digest }: AnnounceMessage, phi: Float32Array, chunk: EvaluationChunk): Promise<ChunkScores> {
    const { seed, horizon } = config;
    const request = { seed, purpose: 'heldOut', split: 'held-out', horizon, ...chunk } as const;
    return this.#options.pool.evaluate({ session: { digest, config }, optimizer: { phi }, request });
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
    this.#orderedFrom = 0;
    this.#fingerprint = '';
    this.#scores.clear();
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
