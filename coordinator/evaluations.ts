/**
 * The held-out evaluations that are under way: each is asked for once, spread over the workers, and asked for again when
 * parts are lost. A seeded share of the chunks is computed by two workers. What happens goes in, with the time in seconds,
 * and actions come out.
 */
import { EVERYTHING, isDoubled } from '../shared/double-computation.js';
import { InconsistencyError } from '../shared/errors.js';
import type { EvaluationChunk, EvaluationMessage } from '../shared/messages.js';
import type { Action } from './actions.js';
import { type ChunkArrival, type EvaluatedPhi, OpenEvaluation } from './open-evaluation.js';
import type { Member } from './roster.js';

export interface EvaluationsOptions {
  term: number;
  /** What decides which chunks are computed twice. */
  config: { seed: number; member: number };
  /** Of every evaluation. */
  chunks: readonly EvaluationChunk[];
  /** Share of the chunks that two workers compute. @default DOUBLED_SHARE */
  doubledShare?: number | undefined;
  /** Seconds without a new chunk after which the missing ones are ordered again. @default 10 */
  patience?: number | undefined;
}

/** Who can compute. */
type Workers = readonly Pick<Member, 'id' | 'address'>[];

/** What came of a chunk. */
export interface ChunkOutcome {
  actions: Action[];
  /** Whether it counts, or may. */
  counted: boolean;
  /** Workers that have computed other scores than others, and what they were of. */
  odd: { workers: string[]; chunk: number; round: number } | undefined;
}

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
    const { config, chunks, doubledShare, patience } = this.#options;
    const evaluation = new OpenEvaluation(phi, {
      chunks,
      isDoubled: (chunk) => isDoubled(config, chunk, phi.round, doubledShare),
      waits: doubledShare === EVERYTHING,
      now,
      patience,
    });
    this.#open.set(phi.round, evaluation);
    return this.#order(evaluation, workers);
  }

  /** A chunk came from a worker of the run. */
  add({ worker, round, scores }: EvaluationMessage, workers: Workers, now: number): ChunkOutcome {
    const evaluation = this.#open.get(round);
    const arrival = evaluation?.add(worker, scores, now) ?? { type: 'nothing' };
    const counted = arrival.type !== 'nothing';
    if (arrival.type === 'odd') return { actions: [], counted, odd: { ...arrival, round } };
    if (arrival.type !== 'open') return { actions: this.#actionsOf(evaluation, arrival), counted, odd: undefined };
    const actions = this.#order(evaluation!, workers);
    if (actions.some(({ type }) => type === 'fail')) return { actions, counted, odd: undefined };
    const [first, second] = arrival.workers;
    const sentence = `Workers ${first} and ${second} sent other scores for chunk ${arrival.chunk} of φ_${round}`;
    const said: Action = { type: 'say', level: 'warn', sentence: `${sentence}; a third one decides`, about: { round } };
    return { actions: [said, ...actions], counted, odd: undefined };
  }

  /** Nothing counts any more that came from a worker. */
  withdraw(worker: string): Action[] {
    return [...this.#open.values()].flatMap((evaluation) => this.#actionsOf(evaluation, evaluation.withdraw(worker)));
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

  #actionsOf(evaluation: OpenEvaluation | undefined, arrival: ChunkArrival): Action[] {
    return arrival.type === 'complete' ? [{ type: 'scored', ...evaluation!.of, scores: arrival.scores }] : [];
  }

  /** Spreads the missing chunks of an evaluation over the workers. */
  #order(evaluation: OpenEvaluation, workers: Workers): Action[] {
    const completed = this.#actionsOf(evaluation, evaluation.staff(workers.length));
    const ids = workers.map(({ id }) => id);
    const orders = new Map<string, EvaluationChunk[]>(ids.map((id) => [id, []]));
    // if everything is computed twice, the next worker that joins decides
    const isLast = this.#options.doubledShare !== EVERYTHING && workers.length > 0;
    const dispute = isLast && evaluation.undecidable(ids);
    if (dispute) {
      const [first, second] = dispute.workers;
      const what = `workers ${first} and ${second} sent other scores for chunk ${dispute.chunk} of φ_${evaluation.of.round}`;
      const error = new InconsistencyError(`Cannot go on: ${what}, and there is no third one to decide`);
      return [...completed, { type: 'fail', error }];
    }
    evaluation.missing.forEach((chunk, position) => {
      for (const id of evaluation.order(chunk.chunk, position, ids)) orders.get(id)!.push(chunk);
    });
    const { term } = this.#options;
    const sent = workers.flatMap(({ id, address }): Action[] => {
      const chunks = orders.get(id)!;
      if (chunks.length === 0) return [];
      return [{ type: 'send', worker: address, message: { type: 'evaluate', term, ...evaluation.of, chunks } }];
    });
    return [...completed, ...sent];
  }
}
