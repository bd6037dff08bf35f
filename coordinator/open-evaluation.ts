/** One φ being evaluated on held-out functions: the chunks that workers compute while rounds go on. Times are in seconds. */
import { createHash } from 'node:crypto';
import type { ChunkScores, EvaluationChunk } from '../shared/messages.js';
import { type Scores, scoresOf } from './evaluation.js';
import { differing, verdictOf } from './votes.js';

/** A φ that is to be evaluated. */
export interface EvaluatedPhi {
  /** n: φ is φ_n. */
  round: number;
  phi: Float32Array;
  /** T of the evaluation. */
  horizon: number;
}

/** What a chunk brought. */
export type ChunkArrival =
  | { type: 'nothing' | 'counted' }
  /** All chunks are here. */
  | { type: 'complete'; scores: Scores }
  /** Two workers differ, and another one is to decide. */
  | { type: 'open'; chunk: number; workers: [string, string] }
  /** These workers have computed other scores than most. */
  | { type: 'odd'; chunk: number; workers: string[] };

const NOTHING: ChunkArrival = { type: 'nothing' };

export interface OpenEvaluationOptions {
  chunks: readonly EvaluationChunk[];
  /** Whether two workers compute a chunk before it counts, if there are two. */
  isDoubled(chunk: number): boolean;
  /** Whether it waits for a second worker if there is none. @default false */
  waits?: boolean | undefined;
  /** When it begins. */
  now: number;
  /** Seconds without a new chunk after which the missing ones are ordered again; then twice as many. @default 10 */
  patience?: number | undefined;
}

export class OpenEvaluation {
  readonly of: EvaluatedPhi;
  readonly #options: OpenEvaluationOptions;
  /** By chunk, then by worker. */
  readonly #answers = new Map<number, Map<string, ChunkScores>>();
  /** Who was ordered to compute a chunk. */
  readonly #ordered = new Map<number, Set<string>>();
  #progressAt: number;
  #patience: number;
  /** Workers that there are now. */
  #staff = 0;
  #isComplete = false;
  /** How often the missing chunks were spread again; each time over other workers. */
  turn = 0;

  constructor(of: EvaluatedPhi, options: OpenEvaluationOptions) {
    this.of = of;
    this.#options = options;
    this.#progressAt = options.now;
    this.#patience = options.patience ?? 10;
  }

  /** The chunks that are still to come, or to be confirmed. */
  get missing(): EvaluationChunk[] {
    return this.#options.chunks.filter(({ chunk }) => !this.#counts(chunk));
  }

  /** There are so many workers now: if there is one, nothing is computed twice. */
  staff(workers: number): ChunkArrival {
    this.#staff = workers;
    return this.#arrival();
  }

  /**
   * The workers, of those there are, that are to compute a missing chunk: in turn, first those who have not yet.
   * @param position of the chunk among the missing ones
   */
  order(chunk: number, position: number, workers: readonly string[]): string[] {
    const answers = this.#answersTo(chunk);
    const others = workers.filter((worker) => !answers.has(worker));
    // of two that differ, a third one decides
    const needed = Math.max(this.#needed(chunk), answers.size > 1 ? answers.size + 1 : 0) - answers.size;
    const from = position + this.turn;
    const chosen = Array.from(
      { length: Math.min(needed, others.length) },
      (_, i) => others[(from + i) % others.length]!,
    );
    const ordered = this.#ordered.get(chunk) ?? new Set();
    for (const worker of chosen) ordered.add(worker);
    this.#ordered.set(chunk, ordered);
    return chosen;
  }

  /** A chunk of which workers differ, and which none of these can decide: all have answered. */
  undecidable(workers: readonly string[]): { chunk: number; workers: [string, string] } | undefined {
    for (const { chunk } of this.missing) {
      const votes = this.#votesOn(chunk);
      const isOpen = verdictOf(votes).type === 'open';
      if (isOpen && workers.every((worker) => votes.has(worker))) return { chunk, workers: differing(votes) };
    }
    return undefined;
  }

  /** Whether the missing chunks are to be ordered again now. */
  isStalled(now: number): boolean {
    if (this.missing.length === 0 || now - this.#progressAt < this.#patience) return false;
    this.#progressAt = now;
    this.#patience *= 2;
    this.turn += 1;
    return true;
  }

  /**
   * Takes a worker's chunk; one that counts already, that the worker was not asked for, or that has not so many functions,
   * changes nothing.
   */
  add(worker: string, scores: ChunkScores, now: number): ChunkArrival {
    const { chunk } = scores;
    const asked = this.#options.chunks.find((each) => each.chunk === chunk);
    const answers = this.#answersTo(chunk);
    const isAsked = this.#ordered.get(chunk)?.has(worker) && asked?.count === scores.sum.length;
    if (!isAsked || this.#counts(chunk) || answers.has(worker)) return NOTHING;
    answers.set(worker, scores);
    this.#answers.set(chunk, answers);
    this.#progressAt = now;
    const votes = this.#votesOn(chunk);
    const verdict = verdictOf(votes);
    if (verdict.type === 'odd') return { type: 'odd', chunk, workers: verdict.workers };
    if (verdict.type === 'open') return { type: 'open', chunk, workers: differing(votes) };
    return this.#arrival();
  }

  /** Nothing counts that came from a worker. */
  withdraw(worker: string): ChunkArrival {
    for (const answers of this.#answers.values()) answers.delete(worker);
    return this.#arrival();
  }

  /** Completes the evaluation once. */
  #arrival(): ChunkArrival {
    if (this.#isComplete || this.missing.length > 0) return { type: 'counted' };
    this.#isComplete = true;
    const scores = this.#options.chunks.map(({ chunk }) => [...this.#answersTo(chunk).values()][0]!);
    return { type: 'complete', scores: scoresOf(scores) };
  }

  #counts(chunk: number): boolean {
    const votes = this.#votesOn(chunk);
    return votes.size >= this.#needed(chunk) && verdictOf(votes).type === 'same';
  }

  /** Workers that must agree on a chunk. */
  #needed(chunk: number): number {
    const { isDoubled, waits = false } = this.#options;
    return isDoubled(chunk) && (waits || this.#staff > 1) ? 2 : 1;
  }

  #answersTo(chunk: number): Map<string, ChunkScores> {
    return this.#answers.get(chunk) ?? new Map();
  }

  #votesOn(chunk: number): Map<string, string> {
    return new Map([...this.#answersTo(chunk)].map(([worker, scores]) => [worker, hashOfScores(scores)]));
  }
}

/** SHA-256 of all bits of a chunk's scores. */
function hashOfScores({ initial, sum, final }: ChunkScores): string {
  const hash = createHash('sha256');
  for (const values of [initial, sum, final]) {
    hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return hash.digest('hex');
}
