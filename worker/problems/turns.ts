/** cos(2πx) on tensors, accurate to float32 on every device: WebGPU's own cosine may be off by 5e-4. */
import type * as tfjs from '@tensorflow/tfjs';
import type { Tf } from './problem.js';

/** Taylor coefficients of sin(πr)/r in r²; the first omitted term is below 6e-8 at |r| ≤ ½. */
const SERIES = Array.from({ length: 7 }, (_, k) => coefficient(k));

/** (−1)^k·π^(2k+1)/(2k+1)! */
function coefficient(k: number): number {
  let value = Math.PI;
  for (let j = 1; j <= k; j++) value *= -(Math.PI ** 2) / (2 * j * (2 * j + 1));
  return value;
}

/** cos(2πx) = 1 − 2·sin²(πr), r = x − round(x); differentiable twice. */
export function cosTurnsOf<T extends tfjs.Tensor>(tf: Tf, x: T): T {
  return tf.tidy(() => {
    const r = tf.sub(x, tf.round(x));
    const square = tf.square(r);
    const [last, ...before] = [...SERIES].reverse();
    let sum: tfjs.Tensor = tf.mul(square, last!);
    before.forEach((term, index) => {
      sum = tf.add(sum, term);
      if (index < before.length - 1) sum = tf.mul(sum, square);
    });
    return tf.sub<T>(1, tf.mul(tf.square(tf.mul(r, sum)), 2));
  });
}
