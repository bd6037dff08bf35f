/** Schedulers by a rule that stops a trial for good when it reports; another one takes its place. */
import { ascending, quantile } from '../../quantiles.js';
import { createTrials, type Scheduler } from './scheduler.js';

/** Whether to stop a trial by its costs at the checks so far and those of all others, each a list from the first check. */
export type StoppingRule = (own: readonly number[], others: readonly (readonly number[])[]) => boolean;

export interface StoppingOptions {
  trials: number;
  /** Rounds after which trials report, ascending; the last ends them. */
  checks: readonly number[];
  /** Trials that run at the same time. */
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
      const decisions = createTrials(0, Math.min(trials, parallel), first);
      return { state: decisions.map(() => []), decisions };
    },
    report(before, { trial, cost }) {
      const own = [...before[trial]!, cost];
      const state = before.with(trial, own);
      const others = state.filter((_, other) => other !== trial);
      const over = own.length === checks.length;
      if (!over && Number.isFinite(cost) && !rule(own, others)) {
        return { state, decisions: [{ action: 'run', trial, to: checks[own.length]! }] };
      }
      const created = createTrials(state.length, Math.min(trials - state.length, 1), first);
      return {
        state: [...state, ...created.map(() => [])],
        decisions: [{ action: 'stop', trial, outcome: over ? 'complete' : 'pruned' }, ...created],
      };
    },
  };
}

export interface MedianOptions {
  /** Checks before which no trial stops. */
  grace: number;
  /** Others that must have got as far. */
  leastTrials: number;
}

/**
 * Stops a trial whose best cost so far is above the median of the means of the others' costs so far (Golovin et al. 2017,
 * "Google Vizier", section 3.2.2). The paper compares with trials that are complete; here it is all that got as far, or
 * nothing could stop among trials that begin together.
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
 * Stops a trial that is not among the best 1/eta of those that have got as far: W&B's `early_terminate` of type hyperband,
 * and successive halving that never pauses.
 */
export function shareRule(eta: number): StoppingRule {
  return (own, others) => {
    const costs = others.flatMap((list) => list[own.length - 1] ?? []);
    return costs.length > 0 && own.at(-1)! > quantile(ascending(Float64Array.from(costs)), 1 / eta);
  };
}
