/** States as columns, a tensor [N, size] for each part: the layout of plain operations and of TensorFlow's. */
import type * as tfjs from '@tensorflow/tfjs-core';
import type { ArchitectureConfig } from '../../../shared/architectures/architecture.js';
import { stateSize, stateSizes } from '../../../shared/phi.js';
import type { ColumnState, TensorOperations } from '../architecture.js';
import type { TensorKernel } from '../tensor-kernel.js';

/** A kernel's methods that make and move such states. */
export function columnState(
  tf: TensorOperations,
  architecture: ArchitectureConfig,
): Pick<TensorKernel, 'zeroState' | 'stateLength' | 'upload' | 'download'> {
  const columns = stateSizes(architecture);
  return {
    zeroState: (coordinates) => columns.map((units) => tf.zeros([coordinates, units])),
    stateLength: (coordinates) => coordinates * stateSize(architecture),
    upload(hidden) {
      const coordinates = hidden.length / stateSize(architecture);
      let at = 0;
      return columns.map((units) => {
        const from = at;
        at += coordinates * units;
        // a tensor keeps the array that it is made from, and the caller may write to that array
        return tf.tensor2d(hidden.slice(from, at), [coordinates, units]);
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

/** The state with zeros for the coordinates where the mask [N] is false. By selection: 0·NaN is NaN. */
export function selectState(tf: TensorOperations, state: ColumnState, mask: tfjs.Tensor1D): ColumnState {
  return state.map((part) => tf.tidy(() => tf.where<tfjs.Tensor2D>(tf.reshape(mask, [mask.size, 1]), part, 0)));
}

/** The coordinates [first, first + length) of a state. */
export function sliceState(tf: TensorOperations, state: ColumnState, first: number, length: number): ColumnState {
  return state.map((part) => tf.slice(part, [first, 0], [length, part.shape[1]]));
}
