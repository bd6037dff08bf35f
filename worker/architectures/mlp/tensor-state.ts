/** The state of one tensor, as views of the parts of a whole state. */
import type { MlpConfig } from '../../../shared/architectures/mlp.js';
import { architectureOf } from '../../../shared/architectures/registry.js';
import { type CoordinateLayout, entriesOf } from '../layout.js';

/** The parts of one tensor's state; what its rule or its shape does not have is empty. */
export interface TensorState<Vector> {
  readonly shape: readonly number[];
  /** Running means of ∇, three times [n]. */
  readonly means: readonly Vector[];
  /** Running mean of ∇², [n]. */
  readonly square: Vector;
  /** Running means of ∇² over the columns, three times [rows], and over the rows, three times [columns]. */
  readonly rows: readonly Vector[];
  readonly columns: readonly Vector[];
  /** Running means of ∇² with the decays of the factors, three times [n], of a vector. */
  readonly squares: readonly Vector[];
  /** The scale of the steps, [1]. */
  readonly scale: Vector | undefined;
}

/** The states of all tensors, problem by problem, as views of the state's parts. */
export function* tensorStates<Vector extends Float32Array | Float64Array>(
  config: MlpConfig,
  { problems, tensors }: CoordinateLayout,
  state: readonly Vector[],
): Generator<TensorState<Vector>> {
  const parts = architectureOf(config).state(config);
  const at = parts.map(() => 0);
  for (let problem = 0; problem < problems; problem++) {
    for (const shape of tensors) {
      const views = parts.map((part, index) => {
        const start = at[index]!;
        at[index] = start + entriesOf(part, shape);
        return [part.name, state[index]!.subarray(start, at[index]) as Vector] as const;
      });
      yield named(shape, new Map(views));
    }
  }
}

function named<Vector extends Float32Array | Float64Array>(
  shape: readonly number[],
  views: ReadonlyMap<string, Vector>,
): TensorState<Vector> {
  const three = (name: string) =>
    [1, 2, 3].flatMap((k) => {
      const view = views.get(`${name}_${k}`);
      return view && view.length > 0 ? [view] : [];
    });
  return {
    shape,
    means: three('mean'),
    square: views.get('square')!,
    rows: three('row'),
    columns: three('column'),
    squares: three('square'),
    scale: views.get('scale'),
  };
}
