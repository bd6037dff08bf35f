/** Collects the chunks of held-out evaluations that workers compute while rounds go on. */
import type { ChunkScores, EvaluationChunk } from '../shared/messages.js';
import { type Scores, scoresOf } from './evaluation.js';

/** One φ being evaluated. */
export class OpenEvaluation {
  readonly round: number;
  readonly phi: Float32Array;
  readonly scores: Promise<Scores>;
  readonly #chunks: readonly EvaluationChunk[];
  readonly #answers = new Map<number, ChunkScores>();
  #resolve: (scores: Scores) => void = () => {};
  #progressAt = performance.now();
  #patience: number;
  /** How often the missing chunks were spread again; each time over other workers. */
  turn = 0;

  /** @param patience seconds without a new chunk after which the missing ones are ordered again; then twice as many */
  constructor(round: number, phi: Float32Array, chunks: readonly EvaluationChunk[], patience = 10) {
    this.round = round;
    this.phi = phi;
    this.#chunks = chunks;
    this.#patience = 1000 * patience;
    this.scores = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /** The chunks that are still to come. */
  get missing(): EvaluationChunk[] {
    return this.#chunks.filter(({ chunk }) => !this.#answers.has(chunk));
  }

  /** Whether the missing chunks are to be ordered again now. */
  isStalled(): boolean {
    if (this.missing.length === 0 || performance.now() - this.#progressAt < this.#patience) return false;
    this.#progressAt = performance.now();
    this.#patience *= 2;
    this.turn += 1;
    return true;
  }

  /** Takes a chunk; one that is here already, or that was not asked for, or not with so many functions, changes nothing. */
  add(scores: ChunkScores): void {
    const asked = this.#chunks.find(({ chunk }) => chunk === scores.chunk);
    if (this.#answers.has(scores.chunk) || asked?.count !== scores.sum.length) return;
    this.#answers.set(scores.chunk, scores);
    this.#progressAt = performance.now();
    if (this.#answers.size === this.#chunks.length) this.#resolve(scoresOf([...this.#answers.values()]));
  }
}
