/** Saves a run now and then: a checkpoint is written, and the journal is purged of what nothing needs any more. */
import type { RunConfig } from '../shared/config.js';
import type { Journal } from '../shared/journal/journal.js';
import { timelineAt } from '../shared/timeline.js';
import type { Checkpoints } from './checkpoint.js';
import type { LearnerState } from './learner.js';
import type { RunObserver } from './observer.js';
import type { Recovered } from './recovery.js';

export interface SavingOptions {
  config: RunConfig;
  digest: string;
  journal: Journal;
  checkpoints: Checkpoints;
  observer?: RunObserver;
  /** Seconds between two checkpoints. @default 5 */
  checkpointSeconds?: number;
}

export class Saving {
  readonly #options: SavingOptions;
  readonly #term: number;
  /** Round of the checkpoint before. */
  #round: number;
  #savedAt = performance.now();

  constructor(options: SavingOptions, { term, from }: Recovered) {
    this.#options = options;
    this.#term = term;
    this.#round = from;
  }

  /** Whether it is time for the next checkpoint. */
  get isDue(): boolean {
    const { checkpointSeconds = 5 } = this.#options;
    return performance.now() - this.#savedAt > 1000 * checkpointSeconds;
  }

  /** Saves a state whose round has been journalled. */
  async save(state: LearnerState): Promise<void> {
    const { journal, checkpoints, config, digest, observer } = this.#options;
    // a checkpoint is of use only with the records up to it
    await journal.sync();
    await checkpoints.write({ digest, term: this.#term, learner: state });
    observer?.saved?.(state);
    // what the checkpoint before this one needs is kept: this one may turn out to be damaged
    await journal.purge(timelineAt(config, state.grown).oldestStart(this.#round + 1) - 1);
    this.#round = state.round;
    this.#savedAt = performance.now();
  }
}
