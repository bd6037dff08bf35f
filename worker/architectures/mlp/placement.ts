/** Where the arrays of a layout's tensors lie in a kernel's memory. */
import type { StatePart } from '../../../shared/architectures/architecture.js';
import type { MlpConfig } from '../../../shared/architectures/mlp.js';
import { architectureOf } from '../../../shared/architectures/registry.js';
import type { KernelMemory } from '../../devices/kernel-memory.js';
import { type CoordinateLayout, elementsOf, entriesOf, matrixOf } from '../layout.js';
import { GROUP, padded, type TensorArguments } from './passes.js';

/** One tensor of one problem. */
export interface PlacedTensor {
  readonly isMatrix: boolean;
  /** A vector is one row. */
  readonly rows: number;
  readonly columns: number;
  readonly args: TensorArguments;
  /** Its first coordinate among all. */
  readonly first: number;
  /** ∇, θ and g, [n]. */
  readonly gradient: Float32Array;
  readonly theta: Float32Array;
  readonly updates: Float32Array;
  readonly updatesAt: number;
  /** The parts of its state besides the first four; what it does not have is empty. */
  readonly rowMeans: readonly Float32Array[];
  readonly columnMeans: readonly Float32Array[];
  readonly squares: readonly Float32Array[];
  readonly scale: Float32Array;
}

/** The tensors of a layout, and their state: of each problem in turn, of each of its tensors in turn. */
export interface Placement {
  readonly tensors: readonly PlacedTensor[];
  /** [stateLength]. */
  readonly state: Float32Array;
}

/** How many floats a part of a tensor's state takes in the kernel's memory. */
export function paddedEntries(part: StatePart, shape: readonly number[]): number {
  return padded(entriesOf(part, shape));
}

/** The same for every part. */
function partLengths(config: MlpConfig, shape: readonly number[]): { name: string; length: number }[] {
  const parts = architectureOf(config).state(config);
  return parts.map((part) => ({ name: part.name, length: paddedEntries(part, shape) }));
}

/** Length of one problem's state in the kernel's memory. */
export function problemStateLength(config: MlpConfig, { tensors }: CoordinateLayout): number {
  return tensors.flatMap((shape) => partLengths(config, shape)).reduce((sum, { length }) => sum + length, 0);
}

/**
 * Lays out the arrays; what was laid out before is lost.
 *
 * @param scratch lays out what steps need besides, given the longest side of a tensor, padded
 */
export function place(
  config: MlpConfig,
  memory: KernelMemory,
  layout: CoordinateLayout,
  scratch: (longest: number) => void,
): Placement {
  memory.reset();
  const { problems, tensors } = layout;
  const elements = problems * tensors.reduce((sum, shape) => sum + padded(elementsOf(shape)), 0) + GROUP;
  const stateLength = problems * problemStateLength(config, layout);
  const [gradients, thetas, updates] = [0, 0, 0].map(() => memory.allocate(4 * elements)) as [number, number, number];
  const state = memory.allocate(4 * (stateLength + GROUP));
  const shapes = Array.from({ length: problems }, () => tensors).flat();
  let [first, at, stateAt, longest] = [0, 0, state, GROUP];
  const places = shapes.map((shape) => {
    const own = { shape, first, at: 4 * at, stateAt };
    first += elementsOf(shape);
    at += padded(elementsOf(shape));
    for (const { length } of partLengths(config, shape)) stateAt += 4 * length;
    const matrix = matrixOf(shape);
    longest = Math.max(longest, padded(matrix ? Math.max(matrix.rows, matrix.columns) : elementsOf(shape)));
    return own;
  });
  scratch(longest);
  // views last: memory may move when it grows
  for (const start of [gradients, thetas, updates]) memory.floats(start, elements).fill(0);
  return {
    state: memory.floats(state, stateLength),
    tensors: places.map(({ shape, first, at, stateAt }) => {
      const length = elementsOf(shape);
      const matrix = matrixOf(shape);
      const { rows, columns } = matrix ?? { rows: 1, columns: length };
      const parts = viewsOf(config, memory, shape, stateAt);
      const view = (name: string, entries: number) => (parts.get(name) ?? EMPTY).subarray(0, entries);
      const three = (name: string, entries: number) => [1, 2, 3].map((k) => view(`${name}_${k}`, entries));
      return {
        isMatrix: matrix !== undefined,
        rows,
        columns,
        args: [gradients + at, thetas + at, stateAt, padded(length), rows, columns],
        first,
        gradient: memory.floats(gradients + at, length),
        theta: memory.floats(thetas + at, length),
        updates: memory.floats(updates + at, length),
        updatesAt: updates + at,
        rowMeans: three('row', rows),
        columnMeans: three('column', columns),
        squares: three('square', length),
        scale: view('scale', 1),
      };
    }),
  };
}

const EMPTY = new Float32Array(0);

function viewsOf(
  config: MlpConfig,
  memory: KernelMemory,
  shape: readonly number[],
  start: number,
): Map<string, Float32Array> {
  let at = start;
  return new Map(
    partLengths(config, shape).map(({ name, length }) => {
      const view = memory.floats(at, length);
      at += 4 * length;
      return [name, view];
    }),
  );
}
