/** What a learned optimizer may know of the coordinates that it steps: where they stand, and in time. */

/** The coordinates of P problems in a row, each made of the same tensors. */
export interface CoordinateLayout {
  /** P. */
  readonly problems: number;
  /** The shapes of a problem's tensors, in the order of its coordinates. */
  readonly tensors: readonly (readonly number[])[];
}

/** Where a step stands in its episode. */
export interface Clock {
  /** t of the first step, from 0. */
  readonly step: number;
  /** T, the steps of the episode; 0 if nobody knows. */
  readonly horizon: number;
}

/** The number of elements of a tensor. */
export function elementsOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** d, the coordinates of one problem. */
export function coordinatesPerProblem({ tensors }: CoordinateLayout): number {
  return tensors.reduce((sum, shape) => sum + elementsOf(shape), 0);
}

/** N, the coordinates of all problems. */
export function coordinatesIn(layout: CoordinateLayout): number {
  return layout.problems * coordinatesPerProblem(layout);
}
