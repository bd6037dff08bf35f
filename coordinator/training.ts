/** The training of φ: has one round after another computed, learns from its sum, and journals it. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { RunConfig } from '../shared/config.js';
import type { Decision, Journal, JournalRecord } from '../shared/journal/journal.js';
import type { Logger } from '../shared/logger.js';
import { validationHorizon } from './curriculum.js';
import { actingCandidate, decisionsAfter } from './decisions.js';
import type { Scores } from './evaluation.js';
import { better, type LearnerState, learn, type ScoredPhi } from './learner.js';
import type { RoundMeasures, RunObserver } from './observer.js';
import { type Goal, Pacer } from './pacer.js';
import type { Recovered } from './recovery.js';
import type { Saving } from './saving.js';
import type { RoundSum, Workforce } from './workforce.js';

export interface TrainingOptions {
  config: RunConfig;
  journal: Journal;
  goal: Goal;
  logger: Logger;
  observer?: RunObserver;
  /** Ends the run after the round that is open. */
  signal?: AbortSignal;
}

/** How a run ended. */
export interface RunEnd {
  state: LearnerState;
  /** The best φ, those counted that no evaluation round of the run covers any more: the last one. */
  best: ScoredPhi;
  interrupted: boolean;
}

export class Training {
  readonly #options: TrainingOptions;
  readonly #workers: Workforce;
  readonly #saving: Saving;
  readonly #pacer: Pacer;
  readonly #term: number;
  #state: LearnerState;

  constructor(options: TrainingOptions, { state, term }: Recovered, workers: Workforce, saving: Saving) {
    this.#options = options;
    this.#workers = workers;
    this.#saving = saving;
    this.#pacer = new Pacer(options.goal, options.config.outer, performance.now());
    this.#term = term;
    this.#state = state;
  }

  /** Trains until the goal or the signal, whichever comes first. */
  async run(): Promise<RunEnd> {
    const { config, journal } = this.#options;
    let appended = Promise.resolve();
    this.#evaluateCandidate();
    let computed = this.#startRound();
    while (computed) {
      const sum = await computed;
      if (!sum) break;
      const decisions = await this.#workers.orAbandoned(this.#decide());
      if (!decisions) break;
      const decidedAt = performance.now();
      const { state, record, metaGradientNorm } = learn(this.#state, { ...sum.root, decisions }, config, this.#term);
      this.#state = state;
      computed = this.#startRound();
      const learnedAt = performance.now();

      // the workers compute while the journal is written: had this process ended between, they would compute the same again
      await Promise.all([appended, nextTurn()]);
      const writingAt = performance.now();
      appended = journal.append(record);
      appended.catch(() => {}); // awaited, and thrown, before the next record
      this.#evaluateCandidate();
      this.#tellDecisions(record);
      const coordinatorSeconds = (learnedAt - decidedAt + performance.now() - writingAt) / 1000;
      this.#tellRound(record, sum, { metaGradientNorm, coordinatorSeconds });
      if (this.#saving.isDue) {
        await appended;
        await this.#saving.save(this.#state);
      }
    }
    await appended;
    await this.#saving.save(this.#state);
    return this.#end();
  }

  /** Has the next round computed; undefined if there is none. */
  #startRound(): Promise<RoundSum | undefined> | undefined {
    if (!this.#options.signal?.aborted && !this.#pacer.reached(this.#state)) return this.#workers.sumAfter(this.#state);
    this.#workers.rest();
    return undefined;
  }

  /** What the round whose sum is here fixes. Waits for the scores of the evaluation that acts in it. */
  async #decide(): Promise<Decision[]> {
    const { config } = this.#options;
    const state = this.#state;
    const plannedRounds = state.plannedRounds === null ? this.#pacer.plan(state, performance.now()) : undefined;
    const acting = actingCandidate(state, config);
    const score = acting ? (await this.#scoresOf(acting)).sum.mean : undefined;
    // a sum is made of results, and the first one has fixed it
    const fingerprint = this.#workers.fingerprint!;
    return decisionsAfter(state, { fingerprint, plannedRounds, score }, config);
  }

  #evaluateCandidate(): void {
    const { candidate } = this.#state;
    if (candidate) void this.#scoresOf(candidate);
  }

  #scoresOf({ round, phi }: { round: number; phi: Float32Array }): Promise<Scores> {
    const grown = this.#state.grown.filter((after) => after <= round).length;
    return this.#workers.scoresOf({ round, phi, horizon: validationHorizon(this.#options.config, grown) });
  }

  #tellDecisions({ round, skipped, decisions }: JournalRecord): void {
    const { logger, observer } = this.#options;
    if (skipped) {
      logger.warn(`Round ${round} is skipped: no problem was healthy, or the sum was not finite`, { round });
    }
    for (const decision of decisions) {
      if (decision.type === 'plan') observer?.planned?.(decision.rounds);
      if (decision.type === 'horizon') observer?.grown?.(round, decision.horizon);
    }
  }

  #tellRound(
    record: JournalRecord,
    { seconds, replayed }: RoundSum,
    measures: Pick<RoundMeasures, 'metaGradientNorm' | 'coordinatorSeconds'>,
  ): void {
    const workers = this.#workers.members.length;
    const duplicates = this.#workers.takeCompared();
    this.#options.observer?.round?.(record, { ...measures, seconds, workers, replayed, duplicates });
  }

  async #end(): Promise<RunEnd> {
    const state = this.#state;
    const { best, round, phi } = state;
    const isInterrupted = this.#options.signal?.aborted === true && !this.#pacer.reached(state);
    const found = isInterrupted ? undefined : await this.#workers.orAbandoned(this.#bestAtEnd());
    if (found) return { state, best: found, interrupted: false };
    return { state, best: best ?? { round, score: null, phi: new Float32Array(phi) }, interrupted: true };
  }

  /** The best φ, with those counted whose score no round of the run has taken any more. */
  async #bestAtEnd(): Promise<ScoredPhi> {
    const { best, candidate, round, phi } = this.#state;
    let result = best;
    const last = { round, phi: new Float32Array(phi) };
    for (const late of candidate && candidate.round !== round ? [candidate, last] : [last]) {
      const { sum } = await this.#scoresOf(late);
      result = better(result, { ...late, score: sum.mean });
    }
    return result!;
  }
}
