/** Which window of which episode a round computes: a function of the round alone, the same on every host. */

/** How an episode is cut into windows. */
export interface EpisodeShape {
  /** T, inner steps of an episode. */
  horizon: number;
  /** K, inner steps of a window; the last one of an episode is short if K does not divide T. */
  unroll: number;
  /** The round that a run starts after if it continues another run's φ; a fresh episode follows. @default round 0 */
  start?: { round: number };
}

/** A window's place. */
export interface WindowPlace {
  episode: number;
  /** 0 for the first window of an episode. */
  window: number;
  /** Inner steps of this window. */
  steps: number;
}

/** Windows of one episode. */
export function windowsPerEpisode({ horizon, unroll }: EpisodeShape): number {
  return Math.ceil(horizon / unroll);
}

/** Inner steps of a window; the windows of an episode are counted from 0. */
export function stepsOf(window: number, { horizon, unroll }: EpisodeShape): number {
  return Math.min(unroll, horizon - window * unroll);
}

/** The window that round n computes; the first round is the one after the run's start. */
export function windowOf(round: number, shape: EpisodeShape): WindowPlace {
  const windows = windowsPerEpisode(shape);
  const before = round - 1 - (shape.start?.round ?? 0);
  const window = before % windows;
  return { episode: Math.floor(before / windows), window, steps: stepsOf(window, shape) };
}
