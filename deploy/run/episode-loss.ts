/** The meta-loss of a whole episode, from the losses of its rounds. */
import { type EpisodeShape, windowOf, windowsPerEpisode } from '../../shared/episodes.js';
import type { JournalRecord } from '../../shared/journal/journal.js';
import { type EpisodeVariety, hasEqualEpisodes } from '../../shared/timeline.js';

/**
 * Adds Σ_t w_t f_t(θ_t), the mean over healthy problems, through as many rounds as an episode has windows: where shards are
 * staggered, too, each of them computes every window once in these. Where episodes differ in their windows there is no
 * such number.
 */
export class EpisodeLoss {
  readonly #shape: EpisodeShape;
  readonly #equal: boolean;
  /** Undefined between episodes, and in one that was joined midway: its first losses are missing. */
  #sum: number | undefined;
  #last: number | undefined;

  constructor(shape: EpisodeShape & Partial<EpisodeVariety>) {
    this.#shape = shape;
    this.#equal = hasEqualEpisodes(shape);
  }

  /** Takes the next round. */
  add({ round, loss, healthy }: Pick<JournalRecord, 'round' | 'loss' | 'healthy'>): void {
    const { window } = windowOf(round, this.#shape);
    if (window === 0 && this.#equal) this.#sum = 0;
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
