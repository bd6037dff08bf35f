/** States as columns, a tensor [N, size] for each part: the layout of plain operations and of TensorFlow's. */
import type * as tfjs from '@tensorflow/tfjs-core';
import type { ArchitectureConfig } from '../../../shared/architectures/architecture.js';
import { stateSizes } from '../../../shared/phi.js';
import type { ColumnState, TensorOperations } from '../architecture.js';
import { type CoordinateLayout, stateLengths } from '../layout.js';
import type { TensorKernel } from '../tensor-kernel.js';

/** A kernel's methods that make and move such states. */
export function columnState(
  tf: TensorOperations,
  architecture: ArchitectureConfig,
): Pick<TensorKernel, 'zeroState' | 'stateLength' | 'upload' | 'download'> {
  const columns = stateSizes(architecture);
  const rowsOf = (layout: CoordinateLayout) =>
    stateLengths(architecture, layout).map((length, part) => length / columns[part]!);
  return {
    zeroState: (layout) => rowsOf(layout).map((rows, part) => tf.zeros([rows, columns[part]!])),
    stateLength: (layout) => stateLengths(architecture, layout).reduce((sum, length) => sum + length, 0),
    upload(hidden, layout) {
      let at = 0;
      return rowsOf(layout).map((rows, part) => {
        const from = at;
        at += rows * columns[part]!;
        // a tensor keeps the array that it is made from, and the caller may write to that array
        return tf.tensor2d(hidden.slice(from, at), [rows, columns[part]!]);
      });
    },
    async download(state) {
      const parts = await Promise.all(state.map((part) => part.data<'float32'>()));
      const hidden = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
      let at = 0;
      for (const part of parts) {
        hidden.set(part, at);
        at += part.length;
      }
      return hidden;
    },
  };
}

/**
 * The state with zeros for the problems whose coordinates are false in the mask [N]. By selection: 0·NaN is NaN.
 *
 * @param problems P; each has as many entries of a part as any other
 */
export function selectState(
  tf: TensorOperations,
  state: ColumnState,
  mask: tfjs.Tensor1D,
  problems: number,
): ColumnState {
  return state.map((part) =>
    tf.tidy(() => {
      if (part.size === 0) return tf.clone(part);
      const healthy = tf.slice(tf.reshape(mask, [problems, mask.size / problems]), [0, 0], [problems, 1]);
      const own = tf.reshape(part, [problems, part.size / problems]) as tfjs.Tensor2D;
      return tf.reshape(tf.where<tfjs.Tensor2D>(healthy, own, 0), part.shape);
    }),
  );
}

/** The coordinates [first, first + length) of a state. */
export function sliceState(tf: TensorOperations, state: ColumnState, first: number, length: number): ColumnState {
  return state.map((part) => tf.slice(part, [first, 0], [length, part.shape[1]]));
}
