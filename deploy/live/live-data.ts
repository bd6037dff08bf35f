/** Messages about a run from the coordinator's thread to the live page's thread. */
import type { ComparedOptimizer } from '../../coordinator/comparison.js';
import type { EpisodeShape } from '../../shared/episodes.js';
import type { EpisodeVariety } from '../../shared/timeline.js';

/** A worker of the run. */
export interface LiveWorker {
  id: string;
  threads: number;
  /** Shards that it advances. */
  shards: number;
  /** `late`: it has fewer shards than its threads could handle, because it was late. */
  state: 'computing' | 'idle' | 'late';
}

/** An event of the run. */
export interface LiveEvent {
  /** Milliseconds since 1970. */
  at: number;
  text: string;
}

export type LiveState = 'starting' | 'standing by' | 'running' | 'waiting' | 'finished' | 'interrupted' | 'failed';

/** How a run is doing. */
export interface LiveStatus {
  run: string;
  problem: string;
  state: LiveState;
  term: number;
  round: number;
  /** Null until they are planned. */
  plannedRounds: number | null;
  /** Over the last seconds; null if not known yet. */
  roundsPerSecond: number | null;
  /** Of the last whole episode. */
  metaLoss: number | null;
  /** Means of the newest held-out evaluation. */
  heldOut: { round: number; sum: number | null; final: number | null } | null;
  shards: number;
  workers: readonly LiveWorker[];
  faults: LiveFaults;
  /** The newest ones, in order. */
  events: readonly LiveEvent[];
}

/** Faults that were repaired since this process began to lead the run. */
export interface LiveFaults {
  /** How often a worker's shards went to others. */
  reassignments: number;
  /** Windows that were computed again. */
  replayed: number;
  /** Rounds that left φ unchanged. */
  skippedRounds: number;
  /** Problems that blew up in the last round and contributed zero. */
  badProblems: number;
}

/** A hand-designed optimizer at its best learning rates, on the run's held-out functions. */
export type Baseline = Pick<ComparedOptimizer, 'name' | 'sum' | 'final'>;

/** To the page's thread. */
export type ToPage =
  | { type: 'status'; status: LiveStatus }
  | { type: 'baselines'; baselines: readonly Baseline[] }
  | { type: 'close' };

/** From the page's thread. */
export type FromPage =
  | { type: 'listening'; url: string }
  | { type: 'failed'; reason: string }
  /** Someone is watching the page. */
  | { type: 'watched' };

/** The data that the page's thread is started with. */
export interface PageData {
  host: string;
  /** 0 for any free port. */
  port: number;
  /** The token that browsers need; null if only this machine may see the page. */
  token: string | null;
  /** metrics.jsonl of the run. */
  metrics: string;
  shape: EpisodeShape & EpisodeVariety;
  status: LiveStatus;
}
