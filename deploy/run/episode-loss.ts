/** The meta-loss of whole episodes, from the losses of rounds. */
import { type EpisodeShape, windowOf, windowsPerEpisode } from '../../shared/episodes.js';
import type { JournalRecord } from '../../shared/journal/journal.js';
import { type EpisodeVariety, hasEqualEpisodes } from '../../shared/timeline.js';

/**
 * Sums Σ_t w_t f_t(θ_t), averaged over healthy problems, over as many rounds as an episode has windows. With staggered
 * shards, too, each shard computes every window once in these rounds. There is no such sum if episodes differ in their
 * windows.
 */
export class EpisodeLoss {
  readonly #shape: EpisodeShape;
  readonly #equal: boolean;
  /** Undefined between episodes, and in an episode joined midway, whose first losses are missing. */
  #sum: number | undefined;
  #last: number | undefined;

  constructor(shape: EpisodeShape & Partial<EpisodeVariety>) {
    this.#shape = shape;
    this.#equal = hasEqualEpisodes(shape);
  }

  /** Adds the next round. */
  add({ round, loss, healthy }: Pick<JournalRecord, 'round' | 'loss' | 'healthy'>): void {
    const { window } = windowOf(round, this.#shape);
    if (window === 0 && this.#equal) this.#sum = 0;
    if (this.#sum === undefined) return;
    this.#sum += loss / Math.max(1, healthy);
    if (window < windowsPerEpisode(this.#shape) - 1) return;
    this.#last = this.#sum;
    this.#sum = undefined;
  }

  /** The meta-loss of the last whole episode; undefined if there was none yet. */
  get last(): number | undefined {
    return this.#last;
  }
}
