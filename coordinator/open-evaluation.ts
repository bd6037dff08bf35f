/** One φ being evaluated on held-out functions: the chunks that workers compute while rounds go on. Times are in seconds. */
import type { ChunkScores, EvaluationChunk } from '../shared/messages.js';
import { type Scores, scoresOf } from './evaluation.js';

/** A φ that is to be evaluated. */
export interface EvaluatedPhi {
  /** n: φ is φ_n. */
  round: number;
  phi: Float32Array;
  /** T of the evaluation. */
  horizon: number;
}

export class OpenEvaluation {
  readonly of: EvaluatedPhi;
  readonly #chunks: readonly EvaluationChunk[];
  readonly #answers = new Map<number, ChunkScores>();
  #progressAt: number;
  #patience: number;
  /** How often the missing chunks were spread again; each time over other workers. */
  turn = 0;

  /** @param patience seconds without a new chunk after which the missing ones are ordered again; then twice as many */
  constructor(of: EvaluatedPhi, chunks: readonly EvaluationChunk[], now: number, patience = 10) {
    this.of = of;
    this.#chunks = chunks;
    this.#progressAt = now;
    this.#patience = patience;
  }

  /** The chunks that are still to come. */
  get missing(): EvaluationChunk[] {
    return this.#chunks.filter(({ chunk }) => !this.#answers.has(chunk));
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
   * Takes a chunk; one that is here already, or that was not asked for, or not with so many functions, changes nothing.
   * Returns the scores if it is the last one.
   */
  add(scores: ChunkScores, now: number): Scores | undefined {
    const asked = this.#chunks.find(({ chunk }) => chunk === scores.chunk);
    if (this.#answers.has(scores.chunk) || asked?.count !== scores.sum.length) return undefined;
    this.#answers.set(scores.chunk, scores);
    this.#progressAt = now;
    return this.#answers.size === this.#chunks.length ? scoresOf([...this.#answers.values()]) : undefined;
  }
}
