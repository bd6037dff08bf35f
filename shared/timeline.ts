/** Which window of which episode each shard computes in a round: the same on every host. */
import type { RunConfig } from './config.js';
import { exp, log } from './elementary.js';
import { type EpisodeShape, stepsOf, type WindowPlace, windowsPerEpisode } from './episodes.js';
import { deriveKey, uniform } from './random.js';

/** The part of a configuration that decides it. */
export type TimelineConfig = Pick<
  RunConfig,
  'seed' | 'member' | 'shards' | 'horizon' | 'longestHorizon' | 'unroll' | 'longestUnroll' | 'stagger' | 'curriculum'
> &
  Pick<EpisodeShape, 'start'>;

/** A window's place, and the shape of its episode. */
export interface ShardPlace extends WindowPlace, Omit<EpisodeShape, 'start'> {}

/** An episode of a shard. */
interface Episode extends Omit<EpisodeShape, 'start'> {
  index: number;
  /** The round of its first window. */
  start: number;
  windows: number;
}

/** The horizon of episodes that begin after a curriculum has grown it `grown` times, up to its last horizon. */
export function horizonAfter(
  { horizon, curriculum: { horizons } }: Pick<RunConfig, 'horizon' | 'curriculum'>,
  grown: number,
): number {
  return grown === 0 ? horizon : (horizons[Math.min(grown, horizons.length) - 1] ?? horizon);
}

/** What can make episodes differ. */
export type EpisodeVariety = Pick<RunConfig, 'longestHorizon' | 'longestUnroll' | 'curriculum'>;

/** Whether all episodes have the same windows, except for first ones that are cut short. */
export function hasEqualEpisodes(variety: Partial<EpisodeVariety>): boolean {
  const { longestHorizon = 0, longestUnroll = 0, curriculum } = variety;
  return longestHorizon === 0 && longestUnroll === 0 && (curriculum?.horizons.length ?? 0) === 0;
}

/**
 * T of rollouts that score φ outside a curriculum. If horizons are drawn it is the middle of the distribution: half of
 * the episodes are shorter than the geometric mean of its ends. The shortest would not see what long episodes are for, and
 * the longest would choose φ by what few episodes train.
 */
export function typicalHorizon({ horizon, longestHorizon }: Pick<RunConfig, 'horizon' | 'longestHorizon'>): number {
  return longestHorizon === 0 ? horizon : Math.round(Math.sqrt(horizon * longestHorizon));
}

/** Which window each shard computes in which round, for a configuration and the rounds after which its horizon grew. */
export interface Timeline {
  /** The window that a shard computes in round n, from 1. */
  placeOf(round: number, shard: number): ShardPlace;
  /** The first round of the oldest episode that is open in round n. */
  oldestStart(round: number): number;
}

/** Timelines so far, by the rounds of growth: each keeps the episodes that it found last. */
const timelines = new WeakMap<TimelineConfig, Map<string, Timeline>>();

/**
 * The timeline of a run. By default all shards go through their episodes together. If staggered (Metz et al. 2022,
 * arXiv 2203.11860; Vicol et al. 2021, arXiv 2112.13835), the first episode of shard s of S is shorter by s/S of its
 * windows, so that every later round sees all parts of an episode. With drawn unrolls (Metz et al. 2019, arXiv
 * 1810.10180) every episode has its own K, with drawn horizons (Metz et al. 2022) its own T. When a curriculum grows, open
 * episodes keep their horizon.
 *
 * A place is found from the last one that was asked for, so asking in the order of the rounds is cheapest.
 *
 * @param grown the rounds after which the horizon grew, ascending: the first to `horizons[0]`, and so on
 */
export function timelineAt(config: TimelineConfig, grown: readonly number[]): Timeline {
  const ofConfig = timelines.get(config) ?? new Map<string, Timeline>();
  timelines.set(config, ofConfig);
  const key = grown.join();
  const timeline = ofConfig.get(key) ?? new CachedTimeline(config, [...grown]);
  ofConfig.set(key, timeline);
  return timeline;
}

class CachedTimeline implements Timeline {
  readonly #config: TimelineConfig;
  readonly #grown: readonly number[];
  /** Whether all episodes but the first are alike. */
  readonly #regular: boolean;
  /** By shard: the newest episode that was asked for, and the last one that was asked for before it. */
  readonly #newest = new Map<number, Episode>();
  readonly #earlier = new Map<number, Episode>();

  constructor(config: TimelineConfig, grown: readonly number[]) {
    this.#config = config;
    this.#grown = grown;
    this.#regular = hasEqualEpisodes(config);
  }

  placeOf(round: number, shard: number): ShardPlace {
    const { index, start, windows, horizon, unroll } = this.#episodeAt(round, shard);
    const window = (round - start) % windows;
    const episode = index + Math.floor((round - start) / windows);
    return { episode, window, steps: stepsOf(window, { horizon, unroll }), horizon, unroll };
  }

  oldestStart(round: number): number {
    const shards = this.#together ? 1 : this.#config.shards;
    let oldest = round;
    for (let shard = 0; shard < shards; shard++) {
      oldest = Math.min(oldest, round - this.placeOf(round, shard).window);
    }
    return oldest;
  }

  /** Whether all shards are always at the same place. */
  get #together(): boolean {
    const { stagger, longestHorizon, longestUnroll } = this.#config;
    return !stagger && longestHorizon === 0 && longestUnroll === 0;
  }

  /** The episode of a round, or an earlier one if all since are like it. */
  #episodeAt(round: number, shard: number): Episode {
    const newest = this.#newest.get(shard);
    const cache = newest && round < newest.start ? this.#earlier : this.#newest;
    let episode = cache.get(shard);
    if (!episode || round < episode.start) episode = this.#begin(shard, 0, 1 + (this.#config.start?.round ?? 0));
    while (round >= episode.start + episode.windows && !(this.#regular && episode.index > 0)) {
      episode = this.#begin(shard, episode.index + 1, episode.start + episode.windows);
    }
    cache.set(shard, episode);
    return episode;
  }

  #begin(shard: number, index: number, start: number): Episode {
    const { shards, stagger } = this.#config;
    const unroll = this.#unrollOf(shard, index);
    const full = this.#horizonOf(shard, index, start);
    const windows = windowsPerEpisode({ horizon: full, unroll });
    const cut = stagger && index === 0 ? Math.floor((shard * windows) / shards) : 0;
    const horizon = full - cut * unroll;
    return { index, start, windows: windows - cut, horizon, unroll };
  }

  /** T of an episode that begins in this round. */
  #horizonOf(shard: number, episode: number, start: number): number {
    const { horizon, longestHorizon } = this.#config;
    if (longestHorizon > 0) return this.#draw('horizon', shard, episode, horizon, longestHorizon);
    return horizonAfter(this.#config, this.#grown.filter((round) => round < start).length);
  }

  /** K of an episode. */
  #unrollOf(shard: number, episode: number): number {
    const { unroll, longestUnroll } = this.#config;
    return longestUnroll > 0 ? this.#draw('unroll', shard, episode, unroll, longestUnroll) : unroll;
  }

  /** A number of an episode, log-uniform from `least` to `most`: least·(most/least)^U(0, 1), rounded. */
  #draw(purpose: 'horizon' | 'unroll', shard: number, episode: number, least: number, most: number): number {
    const { seed, member } = this.#config;
    const key = deriveKey({ seed, member, shard, episode, purpose });
    return Math.round(least * exp(uniform(key) * log(most / least)));
  }
}
