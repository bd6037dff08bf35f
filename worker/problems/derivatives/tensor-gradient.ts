/** The gradient of a family's tensor loss, by automatic differentiation. */
import type * as tfjs from '@tensorflow/tfjs';
import { useBackend } from '../../devices/backend.js';
import type { Batch, Gradient, Problems, Tf } from '../problem.js';

/** f_t of every problem, [P], and its gradient, [N]. */
export interface TensorSlopes {
  losses: tfjs.Tensor1D;
  gradient: tfjs.Tensor1D;
}

/** The gradient of problems on a device, at θ [N]; leaves no tensors behind except those that it returns. */
export type TensorGradient = (theta: tfjs.Tensor1D, batch: Batch, step: number) => TensorSlopes | Promise<TensorSlopes>;

/** f_t of every problem at θ [N], [P], on the current backend. */
export function lossOf(tf: Tf, problems: Problems, theta: tfjs.Tensor1D, batch: Batch, step: number): tfjs.Tensor1D {
  return tf.tidy(() => problems.loss(tf, tf.reshape(theta, [batch.count, theta.size / batch.count]), batch, step));
}

/** The gradient of a family on the current backend. */
export function differentiate(tf: Tf, problems: Problems): (...args: Parameters<TensorGradient>) => TensorSlopes {
  return (theta, batch, step) =>
    tf.tidy(() => {
      const point = tf.reshape(theta, [batch.count, theta.size / batch.count]);
      // with [P] losses and no dy, tfjs differentiates their sum
      const { value, grad } = tf.valueAndGrad((x) => problems.loss(tf, x as tfjs.Tensor2D, batch, step))(point);
      const gradient: tfjs.Tensor1D = tf.reshape(grad, [theta.size]);
      return { losses: value as tfjs.Tensor as tfjs.Tensor1D, gradient };
    });
}

/** The same on typed arrays, on the CPU backend of TensorFlow.js; leaves no tensor behind. */
export function createTensorGradient(tf: Tf, problems: Problems): Gradient {
  const gradientOf = differentiate(tf, problems);
  return (theta, batch, step, gradient, losses) => {
    useBackend(tf, 'cpu');
    tf.tidy(() => {
      const slopes = gradientOf(tf.tensor1d(theta.slice()), batch, step);
      gradient.set(slopes.gradient.dataSync());
      losses.set(slopes.losses.dataSync());
    });
  };
}
