/** The held-out evaluations that are under way: asked for once, spread over the workers, and asked for again where they are lost. */
import type { Bus } from '../shared/bus/bus.js';
import type { RunConfig } from '../shared/config.js';
import type { EvaluationMessage } from '../shared/messages.js';
import { heldOutChunks, type Scores } from './evaluation.js';
import { OpenEvaluation } from './held-out.js';
import type { Member } from './roster.js';

/** What evaluations are made with. */
export interface EvaluationsOptions {
  bus: Bus;
  config: RunConfig;
  /** Who works now. */
  members(): readonly Member[];
  term(): number;
  /** T of the evaluation of φ_round. */
  horizonOf(round: number): number;
  /** Seconds without a new chunk after which the missing ones are ordered again. */
  patience: number | undefined;
  onScores(round: number, scores: Scores, phi: Float32Array): void;
  onFailed(error: Error): void;
}

export class Evaluations {
  readonly #options: EvaluationsOptions;
  readonly #open = new Map<number, OpenEvaluation>();

  constructor(options: EvaluationsOptions) {
    this.#options = options;
  }

  /** The scores of a φ. Those of earlier rounds are given up. */
  scoresOf({ round, phi }: { round: number; phi: Float32Array }): Promise<Scores> {
    let evaluation = this.#open.get(round);
    if (!evaluation) {
      const { config, patience, onScores, onFailed } = this.#options;
      evaluation = new OpenEvaluation(round, phi, heldOutChunks(config), patience);
      for (const old of this.#open.keys()) if (old < round) this.#open.delete(old);
      this.#open.set(round, evaluation);
      this.#send(evaluation);
      evaluation.scores.then((scores) => onScores(round, scores, phi)).catch(onFailed);
    }
    return evaluation.scores;
  }

  /** A chunk came. */
  add({ round, scores }: EvaluationMessage): void {
    this.#open.get(round)?.add(scores);
  }

  /** Orders what is missing from those who work now. */
  sendAll(): void {
    for (const evaluation of this.#open.values()) this.#send(evaluation);
  }

  /** Orders again what has not come for a while. */
  tick(): void {
    for (const evaluation of this.#open.values()) if (evaluation.isStalled()) this.#send(evaluation);
  }

  /** Spreads the missing chunks of an evaluation over the workers. */
  #send({ round, phi, missing, turn }: OpenEvaluation): void {
    const { bus, members: membersNow, term, horizonOf } = this.#options;
    const members = membersNow();
    const horizon = horizonOf(round);
    members.forEach(({ id }, index) => {
      const chunks = missing.filter((_, position) => (position + turn) % members.length === index);
      if (chunks.length === 0) return;
      bus.toWorker(id, { type: 'evaluate', term: term(), round, phi, horizon, chunks });
    });
  }
}
