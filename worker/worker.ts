/** A worker: advances the shards it was ordered to, a window at every φ, and sends their pre-added sums. */
import type { Bus, Unsubscribe } from '../shared/bus/bus.js';
import { isDoubled } from '../shared/double-computation.js';
import { LoptError, messageOf } from '../shared/errors.js';
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
  type VoteMessage,
} from '../shared/messages.js';
import type { NodePlace } from '../shared/sum-tree.js';
import { timelineAt } from '../shared/timeline.js';
import { Copies, type CopiesOrder } from './copies.js';
import { HeldShards, type WindowsOrder } from './held-shards.js';
import type { WorkerObserver } from './observer.js';
import type { WindowPool } from './pool.js';

/** Options of a worker. */
export interface WorkerOptions {
  /** Its name among the workers. */
  id: string;
  bus: Bus;
  pool: WindowPool;
  /** φ's of the past, for replays. */
  history: PhiHistory;
  logger: Logger;
  observer?: WorkerObserver;
  /** Where the problems' data lie here, by option, instead of where the coordinator has them. */
  folders?: Readonly<Record<string, string>>;
  /** Tells this start of the worker from others of its name. @default 1 */
  incarnation?: number;
  /** Share of the shards that are computed twice; the coordinator's must be the same. @default DOUBLED_SHARE */
  doubledShare?: number;
  /** Told when the worker leaves for good, and why: it was refused, or what it computes failed. */
  onFailed?: (error: Error) => void;
  /** Told that the coordinator has ended the run, or its part of it. */
  onFinished?: () => void;
}

export class Worker {
  readonly #options: WorkerOptions;
  readonly #unsubscribe: Unsubscribe;
  /** The shards that are computed or were, by round: the last two rounds. */
  readonly #begun = new Map<number, Set<number>>();
  /** What was sent of the last two rounds. */
  readonly #results = new Map<number, (ResultMessage | VoteMessage)[]>();
  #shards: HeldShards;
  #copies: Copies;
  #run: AnnounceMessage | undefined;
  #fingerprint = '';
  /** The newest term that was heard of. */
  #term = 0;
  #ranges: readonly ShardRange[] = [];
  /** The first round that the order is about, and the term that gave it. */
  #orderedFrom = 0;
  #orderedTerm = 0;
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
    [this.#shards, this.#copies] = this.#startHolding();
    this.#unsubscribe = options.bus.onWorker(options.id, (message) => this.#receive(message));
  }

  /** Takes an announcement that came before it listened. */
  hear(announced: AnnounceMessage): void {
    this.#receive(announced);
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
        // one for another worker, which a stranger has sent on
        if (message.worker !== this.#options.id) return;
        this.#guard(Promise.reject(new LoptError(`Worker ${this.#options.id} is refused: ${message.reason}`)));
        return;
      case 'order':
        if (message.term < (this.#run?.term ?? 0)) return;
        // one that was overtaken, or that a stranger sends again
        if (message.term === this.#orderedTerm && message.round < this.#orderedFrom) return;
        this.#ranges = message.ranges;
        this.#orderedTerm = message.term;
        this.#orderedFrom = message.round;
        this.#shards.keepOnly(this.#orderedShards());
        this.#copies.follow(message.copies);
        if (this.#run) this.#options.observer?.ordered?.(this.#run, this.#orderedShards().length);
        if (this.#phi) this.#guard(this.#computeRound(this.#phi));
        return;
      case 'phi':
        if (message.term < (this.#run?.term ?? 0)) return;
        this.#followTerm(message);
        if (message.round < (this.#phi?.round ?? 0)) return;
        this.#begin(message);
        return;
      case 'evaluate':
        this.#guard(this.#evaluate(message));
        return;
      case 'finished':
        this.#finished = true;
        this.#ranges = [];
        this.#copies.follow([]);
        this.#options.observer?.released?.();
        this.#options.onFinished?.();
    }
  }

  /**
   * A new term may begin at a round before this worker's: its coordinator did not get so far, or was told to go back. What
   * was computed and read beyond may not be the run's any more, so it is computed again.
   */
  #followTerm({ term, round }: { term: number; round: number }): void {
    if (term <= this.#term) return;
    this.#term = term;
    if (round >= (this.#phi?.round ?? 0)) return;
    this.#forgetComputed();
    this.#options.history.forget?.();
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
      const { nodes: copies } = this.#copies;
      bus.toCoordinator({ type: 'heartbeat', worker: id, incarnation, ranges: this.#ranges, copies });
      await this.#catchUp(run);
      return;
    }
    if (known) return;
    const sameRun = this.#run?.digest === run.digest;
    if (!sameRun) this.#forgetRun();
    this.#followTerm(run);
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
  async #catchUp({ round, term, grown = [] }: AnnounceMessage): Promise<void> {
    if (this.#isFree) return;
    if (round > (this.#phi?.round ?? -1)) {
      const phi = await this.#options.history.phi(round).catch(() => undefined);
      // not in the journal yet: the next announcement comes in a second
      if (phi && round > (this.#phi?.round ?? -1)) this.#begin({ type: 'phi', term, round, grown, phi });
      return;
    }
    this.#idle.announcements += 1;
    if (this.#idle.announcements < this.#idle.resendAt) return;
    this.#idle.resendAt *= 2;
    for (const result of this.#results.get(round + 1) ?? []) this.#options.bus.toCoordinator(result);
  }

  /** Whether it has nothing to compute. */
  get #isFree(): boolean {
    return this.#ranges.length === 0 && this.#copies.nodes.length === 0;
  }

  /** Starts the windows of round `phi.round` + 1 that are ordered and not begun; sends again what is done. */
  async #computeRound({ round: before, grown = [], phi }: PhiMessage): Promise<void> {
    const run = this.#run;
    const round = before + 1;
    if (!run || this.#draining || this.#isFree || round < this.#orderedFrom) return;
    for (const kept of [this.#begun, this.#results]) {
      for (const old of kept.keys()) if (old < round - 1) kept.delete(old);
    }
    for (const result of this.#results.get(round) ?? []) this.#options.bus.toCoordinator(result);

    const begun = this.#begun.get(round) ?? new Set<number>();
    this.#begun.set(round, begun);
    const shards = this.#orderedShards().filter((shard) => !begun.has(shard));
    for (const shard of shards) begun.add(shard);
    const { digest, config } = run;
    const timeline = timelineAt(config, grown);
    const order = { session: { digest, config }, timeline, round, phi: sharedCopy(phi) };
    const own = shards.length === 0 ? undefined : this.#computeShards({ ...order, shards });
    // after its own shards, so that no round waits for a copy
    await Promise.all([own, this.#computeCopies(order)]);
  }

  async #computeShards(order: WindowsOrder): Promise<void> {
    const { round, shards } = order;
    const startedAt = performance.now();
    this.#computing += 1;
    try {
      const computed = await this.#whileCurrent(() => this.#shards.compute(this.#hashing(order)));
      if (!computed) return;
      const { nodes, hashes, replayed } = computed;
      for (const { shard, hash } of hashes) this.#vote(order, { level: 0, index: shard }, hash);
      const head = { type: 'result', worker: this.#options.id, digest: order.session.digest, round } as const;
      nodes.forEach((node, index) => {
        this.#send({ ...head, node, replayed: index === 0 ? replayed : 0 });
      });
      const seconds = (performance.now() - startedAt) / 1000;
      this.#options.observer?.computed?.(round, { windows: shards.length, replayed, seconds });
    } finally {
      this.#computing -= 1;
      if (this.#computing === 0) this.#onIdle();
    }
  }

  /** The order, with the shards hashed that another worker computes as well. */
  #hashing(order: WindowsOrder): WindowsOrder {
    const { config } = order.session;
    const { timeline, round } = order;
    const episodeOf = (shard: number) => timeline.placeOf(round, shard).episode;
    return { ...order, isHashed: (shard) => isDoubled(config, shard, episodeOf(shard), this.#options.doubledShare) };
  }

  async #computeCopies(order: CopiesOrder): Promise<void> {
    const copies = this.#copies;
    await this.#whileCurrent(() =>
      copies.compute(order, (node, hash) => {
        if (!this.#closed && this.#copies === copies) this.#vote(order, node, hash);
      }),
    );
  }

  /** What some work gives, or undefined where the worker has left meanwhile, or was made to forget what it computes. */
  async #whileCurrent<Result>(work: () => Promise<Result>): Promise<Result | undefined> {
    const shards = this.#shards;
    const isOld = () => this.#closed || this.#shards !== shards;
    try {
      const result = await work();
      return isOld() ? undefined : result;
    } catch (error) {
      if (isOld()) return undefined;
      throw error;
    }
  }

  #vote({ session, round }: CopiesOrder, node: NodePlace, hash: string): void {
    this.#send({ type: 'vote', worker: this.#options.id, digest: session.digest, round, node, hash });
  }

  /** Sends what a round has given, and keeps it: it may have to be sent again. */
  #send(message: ResultMessage | VoteMessage): void {
    const sent = this.#results.get(message.round) ?? [];
    this.#results.set(message.round, [...sent, message]);
    this.#options.bus.toCoordinator(message);
  }

  async #evaluate({ round, phi, horizon, chunks }: EvaluateMessage): Promise<void> {
    const run = this.#run;
    if (!run) return;
    const { bus, id } = this.#options;
    for (const old of this.#scores.keys()) if (old < round) this.#scores.delete(old);
    const scores = this.#scores.get(round) ?? new Map<number, Promise<ChunkScores>>();
    this.#scores.set(round, scores);
    await Promise.all(
      chunks.map(async (chunk) => {
        // a chunk that is asked for again was lost on the way, or is still being computed
        const computed =
          scores.get(chunk.chunk) ?? this.#scoreChunk(run, { phi, horizon: horizon ?? run.config.horizon }, chunk);
        scores.set(chunk.chunk, computed);
        const answer = await computed;
        if (!this.#closed) {
          bus.toCoordinator({ type: 'evaluation', worker: id, digest: run.digest, round, scores: answer });
        }
      }),
    );
  }

  #scoreChunk(
    { config, digest }: AnnounceMessage,
    { phi, horizon }: { phi: Float32Array; horizon: number },
    chunk: EvaluationChunk,
  ): Promise<ChunkScores> {
    const { seed } = config;
    const request = { seed, purpose: 'heldOut', split: 'held-out', horizon, ...chunk } as const;
    return this.#options.pool.evaluate({ session: { digest, config }, optimizer: { phi }, request });
  }

  #orderedShards(): number[] {
    return this.#ranges.flatMap(({ first, end }) => Array.from({ length: end - first }, (_, index) => first + index));
  }

  /** Another run begins: nothing of the one before is of use. */
  #forgetRun(): void {
    this.#forgetComputed();
    this.#ranges = [];
    this.#term = 0;
    this.#orderedTerm = 0;
    this.#orderedFrom = 0;
    this.#fingerprint = '';
    this.#scores.clear();
  }

  /** Every state and every result, and what is on its way. */
  #forgetComputed(): void {
    const { nodes } = this.#copies;
    [this.#shards, this.#copies] = this.#startHolding();
    this.#copies.follow(nodes);
    this.#begun.clear();
    this.#results.clear();
    this.#phi = undefined;
  }

  #startHolding(): [HeldShards, Copies] {
    const { pool, history, logger } = this.#options;
    const isOver = () => this.#closed || this.#shards !== shards;
    const shards = new HeldShards({ pool, history, logger, isOver, resident: true });
    return [shards, new Copies({ pool, history, logger, isOver })];
  }
}

/** A copy that all threads see without one of their own. */
function sharedCopy(phi: Float32Array): Float32Array {
  const copy = new Float32Array(new SharedArrayBuffer(phi.byteLength));
  copy.set(phi);
  return copy;
}
