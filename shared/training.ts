/** How training changes problems and episodes, beyond Andrychowicz et al. 2016. */

/** Changes to the problems that training draws. */
export interface AugmentationConfig {
  /** R: the coordinates of every problem are scaled by e^U(−R, R); 0 leaves them as they are. */
  readonly coordinateScale: number;
  /** R: θ of every problem is scaled as a whole by 10^U(−R, R); 0 leaves it as it is. */
  readonly problemScale: number;
  /** R: every tensor of θ is scaled by 10^U(−R, R) of its own; 0 leaves them as they are. */
  readonly tensorScale: number;
  /** R: the gradients of every problem are those of 10^U(−R, R) times its loss; 0 leaves them as they are. */
  readonly lossScale: number;
}

/** A curriculum: the horizon grows when held-out evaluations stop improving. */
export interface CurriculumConfig {
  /** The horizons that follow the first, ascending. Empty if T never grows. */
  readonly horizons: readonly number[];
  /** Held-out evaluations in a row without improvement after which the horizon grows. */
  readonly patience: number;
}
