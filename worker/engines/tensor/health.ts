/** Which problems are healthy, on the device. Selection, never multiplication: 0·NaN is NaN. */
import type * as tfjs from '@tensorflow/tfjs';
import type { Tf } from '../../problems/problem.js';
import type { ShardState } from '../engine.js';

/** Whether each of P problems has finite numbers alone in all of the rows [N]: 1 or 0, [P]. */
export function finiteProblems(tf: Tf, rows: readonly tfjs.Tensor1D[], count: number): tfjs.Tensor1D {
  return tf.tidy(() => {
    const all = rows.length === 1 ? rows[0]! : tf.stack([...rows]);
    const finite = tf.all(tf.isFinite(tf.reshape(all, [rows.length * count, rows[0]!.size / count])), 1);
    return tf.all<tfjs.Tensor1D>(tf.reshape(finite, [rows.length, count]), 0);
  });
}

/** Whether a coordinate's problem is healthy, [N]. */
export function healthyCoordinates(tf: Tf, { healthy, count, theta }: ShardState): tfjs.Tensor1D {
  const width = theta.length / count;
  const mask = new Uint8Array(theta.length);
  for (let p = 0; p < count; p++) if (healthy[p] === 1) mask.fill(1, p * width, (p + 1) * width);
  return tf.tensor1d(mask, 'bool');
}

/** The rows with zeros where the mask is false; themselves where there is none. */
export function selectRows(
  tf: Tf,
  rows: readonly tfjs.Tensor1D[],
  mask: tfjs.Tensor1D | undefined,
): readonly tfjs.Tensor1D[] {
  return mask ? rows.map((row) => tf.tidy(() => tf.where<tfjs.Tensor1D>(mask, row, 0))) : rows;
}
