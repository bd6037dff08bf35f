/** The second derivatives of a family's tensor loss, by differentiating the gradient once more. */
import type * as tfjs from '@tensorflow/tfjs';
import { LoptError, messageOf } from '../../../shared/errors.js';
import { useBackend } from '../../devices/backend.js';
import { agreesWithDifferences, hessianCheck } from '../hessian-check.js';
import type { Batch, HessianProduct, Problems, Tf } from '../problem.js';
import { differentiate } from './tensor-gradient.js';
import { makeTwiceDifferentiable } from './twice-differentiable.js';

/**
 * H_t·v of every problem, [N]: d/dθ of <∇f_t(θ), v> at θ [N] for v [N]. Throws LoptError if tfjs cannot differentiate
 * the gradient of the family's loss.
 */
export function hessianVectorProduct(
  tf: Tf,
  problems: Problems,
  theta: tfjs.Tensor1D,
  vector: tfjs.Tensor1D,
  batch: Batch,
  step: number,
): tfjs.Tensor1D {
  makeTwiceDifferentiable(tf);
  const shape: [number, number] = [batch.count, theta.size / batch.count];
  try {
    return tf.tidy(() => {
      const v = tf.reshape(vector, shape);
      const slopes = tf.grad((x) => problems.loss(tf, x as tfjs.Tensor2D, batch, step));
      const product = tf.grad((x) => tf.sum(tf.mul(slopes(x), v)))(tf.reshape(theta, shape));
      return tf.reshape(product, [theta.size]);
    });
  } catch (cause) {
    const reason = messageOf(cause).replace(/\s+/g, ' ');
    throw new LoptError(
      `Cannot keep second derivatives: TensorFlow.js must be able to differentiate the gradient of the problems' loss, got "${reason}"`,
      { cause },
    );
  }
}

/** The same on typed arrays, on the CPU backend of TensorFlow.js; leaves no tensor behind. */
export function createTensorHessian(tf: Tf, problems: Problems): HessianProduct {
  return (theta, vector, batch, step, product) => {
    useBackend(tf, 'cpu');
    tf.tidy(() => {
      const at = tf.tensor1d(theta.slice());
      product.set(hessianVectorProduct(tf, problems, at, tf.tensor1d(vector.slice()), batch, step).dataSync());
    });
  };
}

/**
 * Throws LoptError unless H·v, for a random v and the given θ [N] with its zeros moved slightly, agrees within a tenth
 * with a difference of the gradient, at some step size, for at least half of the problems. tfjs can silently lose parts
 * of a second derivative (see `makeTwiceDifferentiable`; results that `tf.customGrad` saves are lost in the same way),
 * and the meta-gradient would not show it.
 */
export async function checkHessian(
  tf: Tf,
  problems: Problems,
  theta: Float32Array,
  batch: Batch,
  step: number,
): Promise<void> {
  const gradientOf = differentiate(tf, problems);
  const check = hessianCheck(theta);
  const product = await valuesOf(
    tf.tidy(() => {
      const [point, direction] = [tf.tensor1d(check.point), tf.tensor1d(check.direction)];
      return hessianVectorProduct(tf, problems, point, direction, batch, step);
    }),
  );
  const slopesAt = (point: Float32Array) =>
    valuesOf(tf.tidy(() => gradientOf(tf.tensor1d(point), batch, step).gradient));
  if (await agreesWithDifferences(product, check, batch.count, slopesAt)) return;
  throw new LoptError(
    "Cannot keep second derivatives: TensorFlow.js's Hessian must agree with differences of the gradient, but the " +
      "problems' loss has operations that lose a part of it (tf.logSoftmax does, tf.logSumExp does not)",
  );
}

/** Reads a tensor and disposes of it. */
async function valuesOf(tensor: tfjs.Tensor): Promise<Float32Array> {
  const values = await tensor.data<'float32'>();
  tensor.dispose();
  return values;
}
