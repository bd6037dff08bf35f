/** Networks of dense layers, W_l·a + b_l: their parameters θ are W_1 [inputs × outputs, row by row], b_1, W_2, b_2, … */
import type * as tfjs from '@tensorflow/tfjs';
import type { LayerShape } from './parameters.js';
import type { Tf } from './problem.js';

/** The activations and their numbers in the kernel. */
export const ACTIVATIONS = { sigmoid: 0, tanh: 1, relu: 2 } as const;
export type Activation = keyof typeof ACTIVATIONS;

/** The layers of a network with these widths, from the input to the output. */
export function denseLayers(sizes: readonly number[]): LayerShape[] {
  return sizes.slice(1).map((outputs, l) => ({ inputs: sizes[l]!, outputs }));
}

/** The outputs [P × batch × outputs] of P networks θ [P × d] on x [P × batch × inputs], without a final activation. */
export function denseOutputs(
  tf: Tf,
  theta: tfjs.Tensor2D,
  sizes: readonly number[],
  activation: Activation,
  x: tfjs.Tensor3D,
): tfjs.Tensor3D {
  const [count] = theta.shape;
  let at = 0;
  const take = (rows: number, columns: number): tfjs.Tensor3D => {
    const part = tf.slice(theta, [0, at], [count, rows * columns]);
    at += rows * columns;
    return tf.reshape(part, [count, rows, columns]);
  };
  let a = x;
  for (let l = 1; l < sizes.length; l++) {
    const weights = take(sizes[l - 1]!, sizes[l]!);
    const z = tf.add<tfjs.Tensor3D>(tf.matMul(a, weights), take(1, sizes[l]!));
    a = l === sizes.length - 1 ? z : tf[activation](z);
  }
  return a;
}
