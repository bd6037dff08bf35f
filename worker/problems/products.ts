/** Matrix-vector products, with one matrix per problem. */
import type * as tfjs from '@tensorflow/tfjs';
import type { Tf } from './problem.js';

/** The most matrices in one product: WebGPU dispatches no more workgroups along a dimension. */
const MOST = 65_535;

/** W_p·x_p of every problem p: W is [P, rows, columns] and x [P, columns]; returns [P, rows]. */
export function matrixVectorProducts(tf: Tf, w: tfjs.Tensor3D, x: tfjs.Tensor2D): tfjs.Tensor2D {
  const [count, rows, columns] = w.shape;
  return tf.tidy(() => {
    if (count <= MOST) return tf.reshape(tf.matMul(w, tf.reshape(x, [count, columns, 1])), [count, rows]);
    const parts: tfjs.Tensor2D[] = [];
    for (let first = 0; first < count; first += MOST) {
      const size = Math.min(MOST, count - first);
      const own = tf.slice(w, [first, 0, 0], [size, rows, columns]);
      parts.push(matrixVectorProducts(tf, own, tf.slice(x, [first, 0], [size, columns])));
    }
    return tf.concat(parts);
  });
}
