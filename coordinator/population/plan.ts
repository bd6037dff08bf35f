/** A sweep's file, checked. */
import type { Parameters, Space } from './domain.js';
import type { MetricName } from './metric.js';

export const METHODS = ['grid', 'random', 'sobol', 'tpe'] as const;

export type Method = (typeof METHODS)[number];

/** How long trials run, in whole rounds. */
export type SchedulerPlan =
  | { type: 'none' }
  | { type: 'successive-halving' | 'asha' | 'hyperband'; leastRounds: number; eta: number }
  | { type: 'share'; checks: readonly number[]; eta: number }
  | { type: 'median'; every: number; leastRounds: number; leastTrials: number }
  | { type: 'pbt'; every: number; truncation: number; resample: number };

export interface SweepPlan {
  /** Hexadecimal sha256 of the file's content, without comments and layout. */
  digest: string;
  name: string | null;
  description: string | null;
  /** The problem family; null for the default one. */
  problem: string | null;
  method: Method;
  seed: number;
  metric: { name: MetricName; goal: 'minimize' | 'maximize' };
  space: Space;
  /** Flags that all trials share. */
  fixed: Parameters;
  /** Parameters that may change while a member trains. */
  mutable: readonly string[];
  /** Rounds of a trial that runs in full. */
  rounds: number;
  trials: number;
  /** Trials that run concurrently. */
  parallel: number;
  scheduler: SchedulerPlan;
}
