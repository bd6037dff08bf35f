/** What the live page is told of a sweep: from the coordinator's thread to the page's own. */
import type { MetricName } from '../../../coordinator/population/metric.js';
import type { TrialState } from '../../sweep/board.js';
import type { LiveEvent, LiveState, LiveWorker } from '../live-data.js';

/** A worker, over all trials that it computes for. */
export interface SweepWorker extends LiveWorker {
  trials: number;
}

/** A trial as it is now. */
export interface LiveTrial {
  trial: number;
  /** `failed` ended without a finite value. */
  state: TrialState | 'failed';
  round: number;
  /** The round that it runs to. */
  to: number;
  /** The metric's last value, and its best; undefined before the first one, null where it was not finite. */
  last: number | null | undefined;
  best: number | null | undefined;
  /** Of the parameters, in the order of the file. */
  values: readonly string[];
  /** The rounds after which its segments begin: 0, and one for every fork. */
  begins: readonly number[];
}

/** What went wrong and was healed, over all trials, since this process leads the sweep. */
export interface SweepFaults {
  /** Times that a worker's shards went to others. */
  reassignments: number;
  /** Windows that were computed again. */
  replayed: number;
  /** Rounds that left φ as it was. */
  skippedRounds: number;
  /** Windows of single problems that blew up, and contributed zero. */
  badWindows: number;
}

/** How a sweep is doing. */
export interface SweepStatus {
  state: LiveState;
  trials: readonly LiveTrial[];
  /** The number of the one with the best value so far. */
  best: number | null;
  /** Rounds of all trials since this process leads the sweep. */
  rounds: number;
  /** Over the last seconds; null where nothing is known yet. */
  roundsPerSecond: number | null;
  workers: readonly SweepWorker[];
  faults: SweepFaults;
  /** The newest ones, in order. */
  events: readonly LiveEvent[];
}

/** What does not change. */
export interface SweepSubject {
  run: string;
  problem: string;
  metric: { name: MetricName; goal: 'minimize' | 'maximize' };
  /** Names of the parameters. */
  parameters: readonly string[];
  /** Trials that the sweep is to have, and rounds of one that runs in full. */
  trials: number;
  rounds: number;
}

/** To the page's thread. */
export type ToSweepPage = { type: 'status'; status: SweepStatus } | { type: 'close' };

/** What the page's thread is started with. */
export interface SweepPageData {
  host: string;
  /** 0 for a free one. */
  port: number;
  /** What a browser must know; null where the page is for this machine alone. */
  token: string | null;
  /** The sweep's folder. */
  out: string;
  subject: SweepSubject;
  status: SweepStatus;
}
