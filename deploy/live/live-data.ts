/** What the live page is told of a run: from the coordinator's thread to the page's own. */
import type { ComparedOptimizer } from '../../coordinator/comparison.js';
import type { EpisodeShape } from '../../shared/episodes.js';

/** A worker of the run. */
export interface LiveWorker {
  id: string;
  threads: number;
  /** Shards that it advances. */
  shards: number;
  /** `late` where it has fewer shards than its threads deserve, because it was late. */
  state: 'computing' | 'idle' | 'late';
}

/** Something that happened. */
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
  /** Null before they are planned. */
  plannedRounds: number | null;
  /** Over the last seconds; null where nothing is known yet. */
  roundsPerSecond: number | null;
  /** Of the last whole episode. */
  metaLoss: number | null;
  /** The newest held-out evaluation: means. */
  heldOut: { round: number; sum: number | null; final: number | null } | null;
  shards: number;
  workers: readonly LiveWorker[];
  faults: LiveFaults;
  /** The newest ones, in order. */
  events: readonly LiveEvent[];
}

/** What went wrong and was healed, since this process leads the run. */
export interface LiveFaults {
  /** Times that a worker's shards went to others. */
  reassignments: number;
  /** Windows that were computed again. */
  replayed: number;
  /** Rounds that left φ as it was. */
  skippedRounds: number;
  /** Problems that blew up in the last round, and contributed zero. */
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
  /** Somebody looks. */
  | { type: 'watched' };

/** What the page's thread is started with. */
export interface PageData {
  host: string;
  /** 0 for a free one. */
  port: number;
  /** What a browser must know; null where the page is for this machine alone. */
  token: string | null;
  /** metrics.jsonl of the run. */
  metrics: string;
  shape: EpisodeShape;
  status: LiveStatus;
}
