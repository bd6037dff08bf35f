/** The signal of a window: dL/dg of every step. */
import type * as tfjs from '@tensorflow/tfjs-core';
import type { TensorOperations } from '../architecture.js';
import type { ColumnWindow } from './column-passage.js';

/** dL/dg_s = Σ_{t>s} w_t ∇_t, plus the additional dL/dg, for s in 0…K−1. To be called within tf.tidy. */
export function updateGradients(
  tf: TensorOperations,
  { gradients, lossWeights, updateGradient }: Omit<ColumnWindow, 'initialState'>,
): tfjs.Tensor1D[] {
  const rows: tfjs.Tensor1D[] = [];
  let sum: tfjs.Tensor1D | undefined;
  for (let s = lossWeights.length - 1; s >= 0; s--) {
    const weighted = weigh(tf, gradients[s + 1]!, lossWeights[s]!);
    sum = sum ? tf.add(sum, weighted) : weighted;
    const extra = updateGradient[s];
    rows.unshift(extra ? tf.add(sum, extra) : sum);
  }
  return rows;
}

function weigh(tf: TensorOperations, row: tfjs.Tensor1D, weight: number): tfjs.Tensor1D {
  return weight === 1 ? row : tf.mul(row, weight);
}
