/**
 * The form in which a variable's state is saved. If coordinates are all that has a state, [n, stateSize]: a row for each
 * coordinate. Otherwise one column: how many steps the variable has had, how many dimensions it has, these, and then one part
 * of the state after the other.
 */
import type { ArchitectureConfig } from '../../shared/architectures/architecture.js';
import { LoptError } from '../../shared/errors.js';
import { stateSize } from '../../shared/phi.js';
import { isByCoordinate, stateLengths } from '../architectures/layout.js';

/** What precedes the state in a column. */
export interface SavedHead {
  readonly steps: number;
  readonly shape: readonly number[];
}

/** The columns of a saved state. */
export function savedColumns(architecture: ArchitectureConfig): number {
  return isByCoordinate(architecture) ? stateSize(architecture) : 1;
}

/** The head as numbers; none if coordinates are all that has a state. */
export function encodeHead(architecture: ArchitectureConfig, { steps, shape }: SavedHead): number[] {
  return isByCoordinate(architecture) ? [] : [steps, shape.length, ...shape];
}

/**
 * The head of a saved state of so many rows, and how many numbers it takes. The shape of a state by coordinate is one
 * dimension of as many elements. Throws LoptError if the head and the number of rows do not agree.
 */
export function decodeHead(
  architecture: ArchitectureConfig,
  values: Float32Array,
  rows: number,
): SavedHead & { length: number } {
  if (isByCoordinate(architecture)) return { steps: 0, shape: [rows], length: 0 };
  const [steps = 0, dimensions = 0] = values;
  const shape = Array.from(values.subarray(2, 2 + dimensions));
  const head = { steps, shape, length: 2 + dimensions };
  const isShape = shape.length === dimensions && shape.every((size) => Number.isSafeInteger(size) && size > 0);
  const lengths = isShape ? stateLengths(architecture, { problems: 1, tensors: [shape] }) : [];
  if (isShape && lengths.reduce((sum, length) => sum + length, head.length) === rows) return head;
  throw new LoptError(
    `Cannot set weights: a state must hold its steps, its shape and as many numbers as a variable of that shape has, got ${rows} numbers`,
  );
}
