/** Runs the trials that a sweep decides on. */
import { metricValue } from '../../coordinator/population/metric.js';
import type { SweepPlan } from '../../coordinator/population/plan.js';
import type { Runner, TrialReport } from '../../coordinator/population/sweep.js';
import type { Trial } from '../../coordinator/population/trial.js';
import type { RunConfig } from '../../shared/config.js';
import { LoptError, UsageError } from '../../shared/errors.js';
import type { TrialRunner } from './runner.js';
import { forkThatPaused, type Segment } from './segment.js';

/** The sweep was told to stop; it can be resumed. */
export class InterruptedError extends LoptError {
  override readonly name = 'InterruptedError';
}

export interface PlanRunnerOptions {
  plan: Pick<SweepPlan, 'metric'>;
  /** The sweep's folder. */
  out: string;
  trials: TrialRunner;
  /** Called at the first error, to stop the other trials. */
  onFailed: () => void;
}

export class PlanRunner implements Runner {
  readonly #options: PlanRunnerOptions;
  /** The first error that is not an interruption. */
  failure: unknown;

  constructor(options: PlanRunnerOptions) {
    this.#options = options;
  }

  /** A trial has no value if its flags are valid one by one but make no configuration together. */
  async runTo(trial: Trial, round: number): Promise<TrialReport> {
    const { trials, plan, onFailed } = this.#options;
    const segment = segmentOf(this.#options.out, trial);
    try {
      const config = await this.#configOf(segment);
      if (typeof config === 'string') return { value: null, why: config };
      const { interrupted, rows } = await trials.runTo(segment, round, config);
      if (interrupted) throw new InterruptedError('The sweep was interrupted');
      return { value: metricValue(plan.metric.name, rows) };
    } catch (error) {
      if (!(error instanceof InterruptedError)) {
        this.failure ??= error;
        onFailed();
      }
      throw error;
    }
  }

  /** The configuration, or why there is none. */
  async #configOf(segment: Segment): Promise<RunConfig | string> {
    try {
      return await this.#options.trials.configOf(segment);
    } catch (error) {
      if (error instanceof UsageError) return error.message;
      throw error;
    }
  }
}

/** The current segment of a trial. */
export function segmentOf(out: string, { number, seed, segments }: Trial): Segment {
  const { parameters, from } = segments.at(-1)!;
  return {
    trial: number,
    fork: segments.length - 1,
    flags: { ...parameters, seed },
    ...(from ? { from: { ...from, fork: forkThatPaused(out, from) } } : {}),
  };
}
