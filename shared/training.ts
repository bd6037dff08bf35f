/** How training changes problems and episodes, beyond Andrychowicz et al. 2016. */

/** Changes to the problems that training draws. */
export interface AugmentationConfig {
  /** R: the coordinates of every problem are scaled by e^U(−R, R); 0 leaves them as they are. */
  readonly coordinateScale: number;
}

/** A curriculum: the horizon grows when held-out evaluations stop improving. */
export interface CurriculumConfig {
  /** The horizons that follow the first, ascending. Empty if T never grows. */
  readonly horizons: readonly number[];
  /** Held-out evaluations in a row without improvement after which the horizon grows. */
  readonly patience: number;
}
