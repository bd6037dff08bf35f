/** What a learned optimizer may know of the coordinates that it steps: where they stand, and in time. */
import type { ArchitectureConfig, StatePart } from '../../shared/architectures/architecture.js';
import { architectureOf } from '../../shared/architectures/registry.js';

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

/** A tensor as a matrix: its last dimension are the columns. */
export interface MatrixShape {
  readonly rows: number;
  readonly columns: number;
}

/** A tensor of two dimensions or more as a matrix; undefined for a vector. */
export function matrixOf(shape: readonly number[]): MatrixShape | undefined {
  const columns = shape.at(-1);
  if (shape.length < 2 || columns === undefined) return undefined;
  return { rows: elementsOf(shape.slice(0, -1)), columns };
}

/** How many entries a part of the state has for one tensor. */
export function entriesOf({ of = 'coordinates', size }: StatePart, shape: readonly number[]): number {
  const matrix = matrixOf(shape);
  switch (of) {
    case 'coordinates':
      return size * elementsOf(shape);
    case 'rows':
      return size * (matrix?.rows ?? 0);
    case 'columns':
      return size * (matrix?.columns ?? 0);
    case 'vectors':
      return matrix ? 0 : size * elementsOf(shape);
    case 'tensors':
      return size;
  }
}

/** Whether coordinates are all that has a state. */
export function isByCoordinate(architecture: ArchitectureConfig): boolean {
  return architectureOf(architecture)
    .state(architecture)
    .every(({ of = 'coordinates' }) => of === 'coordinates');
}

/** How many entries each part of the state has for all problems, in the order of the specification. */
export function stateLengths(architecture: ArchitectureConfig, { problems, tensors }: CoordinateLayout): number[] {
  return architectureOf(architecture)
    .state(architecture)
    .map((part) => problems * tensors.reduce((sum, shape) => sum + entriesOf(part, shape), 0));
}
