/** What a run tells about itself as it goes. */
import type { JournalRecord } from '../shared/journal/journal.js';
import type { NodePlace } from '../shared/sum-tree.js';
import type { Reassignment } from './actions.js';
import type { Scores } from './evaluation.js';
import type { LearnerState } from './learner.js';

export interface RunObserver {
  /** A round of the journal is applied again, before the run goes on. */
  recovered?(record: JournalRecord, metaGradientNorm: number): void;
  /** The run starts, or goes on, after this round. */
  started?(round: number, term: number): void;
  planned?(rounds: number): void;
  /** Episodes that begin after this round have a longer horizon. */
  grown?(round: number, horizon: number): void;
  round?(record: JournalRecord, measures: RoundMeasures): void;
  /** @param horizon T of the evaluation */
  evaluated?(round: number, scores: Scores, phi: Float32Array, horizon?: number): void;
  saved?(state: LearnerState): void;
  waiting?(): void;
  /** A worker's shards went to others. */
  reassigned?(worker: string, why: Reassignment): void;
  /** A worker computes other bits than others do, of a node or of scores, and is out of the run. */
  banned?(worker: string, round: number, node?: NodePlace): void;
}

/** What is known of a round beside its record. */
export interface RoundMeasures {
  /** Of the average, before it is clipped. */
  metaGradientNorm: number;
  /** From φ's broadcast to the complete sum. */
  seconds: number;
  /** Of the coordinator's own work in the round. */
  coordinatorSeconds: number;
  workers: number;
  replayed: number;
  /** Nodes that two workers computed, and that were found equal to the last bit since the round before. */
  duplicates: number;
}
