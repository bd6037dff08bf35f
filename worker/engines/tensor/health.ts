/** The health of problems on the device. Bad values are selected away, never multiplied by 0: 0·NaN is NaN. */
import type * as tfjs from '@tensorflow/tfjs';
import type { Tf } from '../../problems/problem.js';
import type { ShardState } from '../engine.js';

/**
 * The losses of K steps, each [P], then 1 for every problem with a non-finite number in the gradients of these steps,
 * each [N], and 0 for the others; [(K + 1) × P].
 */
export function healthOf(tf: Tf, losses: readonly tfjs.Tensor1D[], gradients: readonly tfjs.Tensor1D[]): tfjs.Tensor1D {
  return tf.tidy(() => {
    const count = losses[0]!.size;
    const all = gradients.length === 1 ? gradients[0]! : tf.stack([...gradients]);
    const finite = tf.all(tf.isFinite(tf.reshape(all, [gradients.length * count, gradients[0]!.size / count])), 1);
    const good = tf.all<tfjs.Tensor1D>(tf.reshape(finite, [gradients.length, count]), 0);
    return tf.concat([...losses, tf.where<tfjs.Tensor1D>(good, 0, 1)]);
  });
}

/** Whether a coordinate's problem is healthy, [N]. */
export function healthyCoordinates(tf: Tf, { healthy, count, theta }: ShardState): tfjs.Tensor1D {
  const width = theta.length / count;
  const mask = new Uint8Array(theta.length);
  for (let p = 0; p < count; p++) if (healthy[p] === 1) mask.fill(1, p * width, (p + 1) * width);
  return tf.tensor1d(mask, 'bool');
}

/** The rows with zeros where the mask is false; the rows themselves if there is no mask. */
export function selectRows(
  tf: Tf,
  rows: readonly tfjs.Tensor1D[],
  mask: tfjs.Tensor1D | undefined,
): readonly tfjs.Tensor1D[] {
  return mask ? rows.map((row) => tf.tidy(() => tf.where<tfjs.Tensor1D>(mask, row, 0))) : rows;
}
