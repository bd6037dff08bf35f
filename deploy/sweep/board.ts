/** The state of a sweep's trials, for the screen, the live page and the list of runs. */

import type { Scores } from '../../coordinator/evaluation.js';
import type { RoundMeasures, RunObserver } from '../../coordinator/observer.js';
import { METRICS, metricValue } from '../../coordinator/population/metric.js';
import type { SweepPlan } from '../../coordinator/population/plan.js';
import type { Instruction } from '../../coordinator/population/schedulers/scheduler.js';
import type { SweepObserver } from '../../coordinator/population/sweep.js';
import type { Trial } from '../../coordinator/population/trial.js';
import type { EvaluationRow } from '../../coordinator/report/report.js';
import type { JournalRecord } from '../../shared/journal/journal.js';
import { memberOf, type Segment } from './segment.js';

const WAITING_SECONDS = 9;

export type TrialState = 'waiting' | 'running' | 'paused' | 'complete' | 'pruned';

/** The current state of a trial. */
export interface TrialPlace {
  trial: number;
  fork: number;
  state: TrialState;
  /** Its parameters; undefined until it runs or has reported. */
  flags: Segment['flags'] | undefined;
  round: number;
  /** The round that it is running to. */
  to: number;
  /** The metric's last and best value; undefined before the first one, null if it was not finite. */
  last: number | null | undefined;
  best: number | null | undefined;
  /** Rounds per second since it started running; 0 if it is not running. */
  pace: number;
}

export class SweepBoard implements SweepObserver {
  readonly #plan: Pick<SweepPlan, 'metric' | 'trials' | 'space'>;
  readonly #places = new Map<number, TrialPlace>();
  #workers = 0;
  #rounds = 0;
  readonly #now: () => number;
  /** Called now and then while there is no worker. */
  onWaiting: () => void = () => {};
  #waitedAt = Number.NEGATIVE_INFINITY;

  /** @param now seconds of a monotonic clock */
  constructor(plan: Pick<SweepPlan, 'metric' | 'trials' | 'space'>, now = () => performance.now() / 1000) {
    this.#plan = plan;
    this.#now = now;
  }

  /** By number. */
  get places(): TrialPlace[] {
    return [...this.#places.values()].sort((a, b) => a.trial - b.trial);
  }

  /** Planned trials. */
  get trials(): number {
    return this.#plan.trials;
  }

  /** Workers of the trial that reported a round last. */
  get workers(): number {
    return this.#workers;
  }

  /** Rounds of all trials that this process has computed. */
  get rounds(): number {
    return this.#rounds;
  }

  /** The trial with the best value. */
  get best(): TrialPlace | undefined {
    const valued = this.places.filter(({ best }) => typeof best === 'number');
    return valued.reduce<TrialPlace | undefined>((best, place) => {
      return best === undefined || this.#better(place.best!, best.best) === place.best ? place : best;
    }, undefined);
  }

  /** Observes a segment that runs to a round. */
  observe(segment: Segment, to: number): RunObserver {
    const place = this.#placeOf(segment.trial);
    Object.assign(place, { state: 'running', fork: segment.fork, flags: segment.flags, to });
    let began = { round: 0, at: this.#now() };
    const evaluations: EvaluationRow[] = [];
    return {
      started: (round) => {
        place.round = round;
        began = { round, at: this.#now() };
      },
      round: ({ round }: JournalRecord, { workers }: RoundMeasures) => {
        place.round = round;
        place.pace = (round - began.round) / Math.max(1e-9, this.#now() - began.at);
        this.#workers = workers;
        this.#rounds += 1;
      },
      waiting: () => this.#waiting(),
      evaluated: (evaluation, scores: Scores) => {
        evaluations.push({ evaluation, ...scores });
        if (METRICS_OF_EVALUATIONS.has(this.#plan.metric.name)) {
          this.#value(place, metricValue(this.#plan.metric.name, evaluations));
        }
      },
    };
  }

  reported({ number, segments }: Trial, round: number, value: number | null): void {
    const place = this.#placeOf(number);
    const { parameters } = segments.at(-1)!;
    Object.assign(place, { state: 'paused', round, pace: 0, fork: segments.length - 1, flags: parameters });
    this.#value(place, value);
  }

  instructed({ trial, action, ...instruction }: Instruction): void {
    const place = this.#placeOf(trial);
    if ('end' in instruction) place.state = instruction.end;
    else if ('to' in instruction) Object.assign(place, { state: 'waiting', to: instruction.to });
  }

  /** The member that a trial's current segment is. */
  memberOf(place: TrialPlace): number {
    return memberOf(place);
  }

  /** The values of a trial's swept parameters, by name. */
  parametersOf({ flags }: TrialPlace): [name: string, value: unknown][] {
    return this.#plan.space.map(({ name }) => [name, flags?.[name]]);
  }

  /** Every running trial reports it; it is passed on once. */
  #waiting(): void {
    this.#workers = 0;
    if (this.#now() - this.#waitedAt < WAITING_SECONDS) return;
    this.#waitedAt = this.#now();
    this.onWaiting();
  }

  #placeOf(trial: number): TrialPlace {
    let place = this.#places.get(trial);
    if (!place) {
      place = {
        trial,
        fork: 0,
        state: 'waiting',
        flags: undefined,
        round: 0,
        to: 0,
        last: undefined,
        best: undefined,
        pace: 0,
      };
      this.#places.set(trial, place);
    }
    return place;
  }

  #value(place: TrialPlace, value: number | null): void {
    place.last = value;
    place.best = this.#better(place.best, value);
  }

  #better(a: number | null | undefined, b: number | null | undefined): number | null | undefined {
    if (typeof a !== 'number') return b === undefined ? a : b;
    if (typeof b !== 'number') return a;
    return this.#plan.metric.goal === 'minimize' ? Math.min(a, b) : Math.max(a, b);
  }
}

/** Metrics that are computed from evaluations alone. */
const METRICS_OF_EVALUATIONS = new Set(Object.keys(METRICS).filter((name) => name !== 'meta-loss'));
