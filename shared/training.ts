/** How φ is trained beyond plain truncated back-propagation: part of the configuration, all of it off in `PLAIN_TRAINING`. */

/** The weights w_t of a window's losses; see `lossWeightsOf` in worker/training/loss-weights.ts. */
export const LOSS_WEIGHTS = ['uniform', 'linear', 'last'] as const;

export type LossWeights = (typeof LOSS_WEIGHTS)[number];

/** Imitation of a hand-designed optimizer in some of the episodes (Chen et al. 2020). */
export interface Imitation {
  /** Share of the episodes in which φ imitates, from 0 to 1. */
  share: number;
  /** Learning rate of the Adam that is imitated. */
  learningRate: number;
  /** Factor on the squared distance of the updates. */
  weight: number;
}

/** The options; each cites its source where it is computed. */
export interface TrainingConfig {
  lossWeights: LossWeights;
  /** R: the coordinates of every problem are scaled by e^U(−R, R); 0 leaves them as they are. */
  coordinateScale: number;
  imitation: Imitation;
  /**
   * The largest |∂x/∂∇| of LogAndSign that second derivatives go back through; 0 where they are taken as they are. ln |∇| has
   * the slope 1/∇, and a long window multiplies many: one small gradient then drowns all others (of the explosion that long
   * unrolls bring, Metz et al. 2019, arXiv 1810.10180).
   */
  slopeLimit: number;
  /** Whether shards begin their episodes at different rounds. */
  stagger: boolean;
  /** Largest K: every episode draws its own, log-uniformly from `unroll` on; 0 where all have `unroll`. */
  longestUnroll: number;
  /** The horizons that follow the first, ascending: a curriculum. Empty where T stays. */
  horizons: readonly number[];
  /** Held-out evaluations in a row without a better one after which the horizon grows. */
  patience: number;
}

/** Plain truncated back-propagation through time, as in Andrychowicz et al. 2016. */
export const PLAIN_TRAINING: TrainingConfig = {
  lossWeights: 'uniform',
  coordinateScale: 0,
  slopeLimit: 0,
  imitation: { share: 0, learningRate: 0.1, weight: 1 },
  stagger: false,
  longestUnroll: 0,
  horizons: [],
  patience: 3,
};
