/** What a worker tells about itself as it goes. */
import type { AnnounceMessage } from '../shared/messages.js';

export interface WorkerObserver {
  /** It wants to join a run, as an engine of this fingerprint. */
  joining?(run: AnnounceMessage, fingerprint: string): void;
  /** It works for a run now, and advances so many shards of it. */
  ordered?(run: AnnounceMessage, shards: number): void;
  /** What it computed of a round is on its way. */
  computed?(round: number, measures: ComputedMeasures): void;
  /** It works for no run any more. */
  released?(): void;
}

/** A worker's part of a round. */
export interface ComputedMeasures {
  /** Windows of the round itself; what was computed again to get there comes on top. */
  windows: number;
  replayed: number;
  /** From φ to the sums, with what was replayed. */
  seconds: number;
}
