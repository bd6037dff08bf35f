/**
 * The held-out evaluations that are under way: each is asked for once, spread over the workers, and asked for again when
 * parts are lost. What happens goes in, with the time in seconds, and actions come out.
 */
import type { EvaluationChunk, EvaluationMessage } from '../shared/messages.js';
import type { Action } from './actions.js';
import { type EvaluatedPhi, OpenEvaluation } from './open-evaluation.js';
import type { Member } from './roster.js';

export interface EvaluationsOptions {
  term: number;
  /** Of every evaluation. */
  chunks: readonly EvaluationChunk[];
  /** Seconds without a new chunk after which the missing ones are ordered again. @default 10 */
  patience?: number | undefined;
}

/** Who can compute. */
type Workers = readonly Pick<Member, 'id'>[];

export class Evaluations {
  readonly #options: EvaluationsOptions;
  readonly #open = new Map<number, OpenEvaluation>();

  constructor(options: EvaluationsOptions) {
    this.#options = options;
  }

  /** Orders the evaluation of a φ, unless it has been before. Those of earlier rounds are given up. */
  begin(phi: EvaluatedPhi, workers: Workers, now: number): Action[] {
    if (this.#open.has(phi.round)) return [];
    for (const old of this.#open.keys()) if (old < phi.round) this.#open.delete(old);
    const { chunks, patience } = this.#options;
    const evaluation = new OpenEvaluation(phi, chunks, now, patience);
    this.#open.set(phi.round, evaluation);
    return this.#order(evaluation, workers);
  }

  /** A chunk came. */
  add({ round, scores: chunk }: EvaluationMessage, now: number): Action[] {
    const evaluation = this.#open.get(round);
    const scores = evaluation?.add(chunk, now);
    return scores ? [{ type: 'scored', ...evaluation!.of, scores }] : [];
  }

  /** Orders what is missing from those who work now. */
  orderAll(workers: Workers): Action[] {
    return [...this.#open.values()].flatMap((evaluation) => this.#order(evaluation, workers));
  }

  /** Some time has gone by: orders again what has not come for a while. */
  tick(workers: Workers, now: number): Action[] {
    const stalled = [...this.#open.values()].filter((evaluation) => evaluation.isStalled(now));
    return stalled.flatMap((evaluation) => this.#order(evaluation, workers));
  }

  /** Spreads the missing chunks of an evaluation over the workers. */
  #order({ of, missing, turn }: OpenEvaluation, workers: Workers): Action[] {
    return workers.flatMap(({ id }, index): Action[] => {
      const chunks = missing.filter((_, position) => (position + turn) % workers.length === index);
      if (chunks.length === 0) return [];
      return [{ type: 'send', worker: id, message: { type: 'evaluate', term: this.#options.term, ...of, chunks } }];
    });
  }
}
