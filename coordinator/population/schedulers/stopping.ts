/** Schedulers that stop a trial for good, by a rule that is applied at its reports; another trial replaces it. */
import { ascending, quantile } from '../../quantiles.js';
import { createTrials, type Scheduler } from './scheduler.js';

/** Whether to stop a trial, by its costs and all others' costs at the checks so far, from the first check on. */
export type StoppingRule = (own: readonly number[], others: readonly (readonly number[])[]) => boolean;

export interface StoppingOptions {
  trials: number;
  /** Rounds at which trials report, ascending; trials end at the last one. */
  checks: readonly number[];
  /** Trials that run concurrently. */
  parallel: number;
  rule: StoppingRule;
}

/** Costs at the checks, by trial. */
export type CostLists = readonly (readonly number[])[];

export function stoppingScheduler({ trials, checks, parallel, rule }: StoppingOptions): Scheduler<CostLists> {
  const first = checks[0]!;
  return {
    synchronous: false,
    init() {
      const instructions = createTrials(0, Math.min(trials, parallel), first);
      return { state: instructions.map(() => []), instructions };
    },
    report(before, { trial, cost }) {
      const own = [...before[trial]!, cost];
      const state = before.with(trial, own);
      const others = state.filter((_, other) => other !== trial);
      const over = own.length === checks.length;
      if (!over && Number.isFinite(cost) && !rule(own, others)) {
        return { state, instructions: [{ action: 'run', trial, to: checks[own.length]! }] };
      }
      const created = createTrials(state.length, Math.min(trials - state.length, 1), first);
      return {
        state: [...state, ...created.map(() => [])],
        instructions: [{ action: 'stop', trial, end: over ? 'complete' : 'pruned' }, ...created],
      };
    },
  };
}

export interface MedianOptions {
  /** Checks at which no trial is stopped yet. */
  grace: number;
  /** How many other trials must have got as far. */
  leastTrials: number;
}

/**
 * Stops a trial whose best cost so far is above the median of the others' mean costs so far (Golovin et al. 2017,
 * "Google Vizier", section 3.2.2). The paper compares with completed trials; here all that got as far count, since
 * otherwise trials that begin together could never be stopped.
 */
export function medianRule({ grace, leastTrials }: MedianOptions): StoppingRule {
  return (own, others) => {
    const means = others
      .filter((costs) => costs.length >= own.length)
      .map((costs) => costs.slice(0, own.length).reduce((sum, cost) => sum + cost, 0) / own.length);
    if (own.length <= grace || means.length < leastTrials) return false;
    return Math.min(...own) > quantile(ascending(Float64Array.from(means)), 0.5);
  };
}

/**
 * Stops a trial that is not among the best 1/eta of those that got as far. This is W&B's `early_terminate` of type
 * hyperband: successive halving without pauses.
 */
export function shareRule(eta: number): StoppingRule {
  return (own, others) => {
    const costs = others.flatMap((list) => list[own.length - 1] ?? []);
    return costs.length > 0 && own.at(-1)! > quantile(ascending(Float64Array.from(costs)), 1 / eta);
  };
}
