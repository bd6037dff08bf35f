/** The meta-loss of a whole episode, from the losses of its rounds. */
import { type EpisodeShape, windowOf, windowsPerEpisode } from '../shared/episodes.js';
import type { JournalRecord } from '../shared/journal/journal.js';

/** Adds Σ_t f_t(θ_t), the mean over healthy problems, through the windows of an episode. */
export class EpisodeLoss {
  readonly #shape: EpisodeShape;
  /** Undefined between episodes, and in one that was joined midway: its first losses are missing. */
  #sum: number | undefined;
  #last: number | undefined;

  constructor(shape: EpisodeShape) {
    this.#shape = shape;
  }

  /** Takes the next round. */
  add({ round, loss, healthy }: Pick<JournalRecord, 'round' | 'loss' | 'healthy'>): void {
    const { window } = windowOf(round, this.#shape);
    if (window === 0) this.#sum = 0;
    if (this.#sum === undefined) return;
    this.#sum += loss / Math.max(1, healthy);
    if (window < windowsPerEpisode(this.#shape) - 1) return;
    this.#last = this.#sum;
    this.#sum = undefined;
  }

  /** That of the last whole episode; undefined where there was none yet. */
  get last(): number | undefined {
    return this.#last;
  }
}
