/** Messages about a sweep from the coordinator's thread to the live page's thread. */
import type { MetricName } from '../../../coordinator/population/metric.js';
import type { TrialState } from '../../sweep/board.js';
import type { LiveEvent, LiveState, LiveWorker } from '../live-data.js';

/** A worker, with totals over all trials that it works for. */
export interface SweepWorker extends LiveWorker {
  trials: number;
}

/** The current state of a trial. */
export interface LiveTrial {
  trial: number;
  /** `failed`: ended without a finite value. */
  state: TrialState | 'failed';
  round: number;
  /** The round that it is running to. */
  to: number;
  /** The metric's last and best value; undefined before the first one, null if it was not finite. */
  last: number | null | undefined;
  best: number | null | undefined;
  /** Values of the parameters, in file order. */
  values: readonly string[];
  /** The rounds after which its segments begin: 0, and one for every fork. */
  begins: readonly number[];
}

/** Faults that were repaired, over all trials, since this process began to lead the sweep. */
export interface SweepFaults {
  /** How often a worker's shards went to others. */
  reassignments: number;
  /** Windows that were computed again. */
  replayed: number;
  /** Rounds that left φ unchanged. */
  skippedRounds: number;
  /** Windows of single problems that blew up and contributed zero. */
  badWindows: number;
}

/** How a sweep is doing. */
export interface SweepStatus {
  state: LiveState;
  trials: readonly LiveTrial[];
  /** The number of the trial with the best value so far. */
  best: number | null;
  /** Rounds of all trials since this process began to lead the sweep. */
  rounds: number;
  /** Over the last seconds; null if not known yet. */
  roundsPerSecond: number | null;
  workers: readonly SweepWorker[];
  faults: SweepFaults;
  /** The newest ones, in order. */
  events: readonly LiveEvent[];
}

/** The constant part. */
export interface SweepSubject {
  run: string;
  problem: string;
  metric: { name: MetricName; goal: 'minimize' | 'maximize' };
  /** Names of the parameters. */
  parameters: readonly string[];
  /** Planned trials, and rounds of one that runs in full. */
  trials: number;
  rounds: number;
}

/** To the page's thread. */
export type ToSweepPage = { type: 'status'; status: SweepStatus } | { type: 'close' };

/** The data that the page's thread is started with. */
export interface SweepPageData {
  host: string;
  /** 0 for any free port. */
  port: number;
  /** The token that browsers need; null if only this machine may see the page. */
  token: string | null;
  /** The sweep's folder. */
  out: string;
  subject: SweepSubject;
  status: SweepStatus;
}
