/** The second derivatives of a family's tensor loss, by differentiating the gradient once more. */
import type * as tfjs from '@tensorflow/tfjs';
import { LoptError, messageOf } from '../../../shared/errors.js';
import { fillNormal, seedKey } from '../../../shared/random.js';
import type { Batch, Problems, Tf } from '../../problems/problem.js';
import { differentiate } from './tensor-gradient.js';
import { makeTwiceDifferentiable } from './twice-differentiable.js';

/**
 * H_t·v of every problem, [N]: d/dθ of <∇f_t(θ), v> at θ [N] for v [N]. Throws LoptError where tfjs cannot differentiate
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

/** Lengths of the differences that `checkHessian` tries: from large scales of θ to below the distance of kinks. */
const DIFFERENCES = [1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 3e-7];

/** How far from 0, where |θ| and its kin have their kinks, a coordinate at 0 is put for the check. */
const OFF_ZERO = 1e-2;

/**
 * Throws LoptError unless H·v, for a random v and the θ given [N] with its zeros moved a little, agrees within a tenth
 * with some difference of the gradient in at least half of the problems. tfjs can lose parts of a second derivative
 * without an error (see `makeTwiceDifferentiable`; what `tf.customGrad` saves of its results is lost alike), and a
 * meta-gradient that lacks them looks like any other.
 */
export async function checkHessian(
  tf: Tf,
  problems: Problems,
  theta: Float32Array,
  batch: Batch,
  step: number,
): Promise<void> {
  const direction = new Float32Array(theta.length);
  fillNormal(seedKey(0), direction);
  const start = new Float32Array(theta.length);
  fillNormal(seedKey(1), start, 0, OFF_ZERO);
  theta.forEach((x, i) => {
    if (x !== 0) start[i] = x;
  });
  const gradientOf = differentiate(tf, problems);
  function slopesAt(distance: number): Promise<Float32Array> {
    return valuesOf(
      tf.tidy(() => {
        const point = start.map((x, i) => x + distance * direction[i]!);
        return gradientOf(tf.tensor1d(point), batch, step).gradient;
      }),
    );
  }
  const product = await valuesOf(
    tf.tidy(() => hessianVectorProduct(tf, problems, tf.tensor1d(start), tf.tensor1d(direction), batch, step)),
  );
  const width = theta.length / batch.count;
  const agreeing = new Set<number>();
  for (const epsilon of DIFFERENCES) {
    const above = await slopesAt(epsilon);
    const below = await slopesAt(-epsilon);
    const difference = above.map((slope, i) => (slope - below[i]!) / (2 * epsilon));
    for (let p = 0; p < batch.count; p++) {
      if (agree(product, difference, p * width, (p + 1) * width)) agreeing.add(p);
    }
    if (2 * agreeing.size >= batch.count) return;
  }
  throw new LoptError(
    'Cannot keep second derivatives: the Hessian by TensorFlow.js must agree with differences of the gradient, but the ' +
      "problems' loss has operations that lose a part of it, as tf.logSoftmax does and tf.logSumExp does not",
  );
}

/** Reads a tensor and disposes of it. */
async function valuesOf(tensor: tfjs.Tensor): Promise<Float32Array> {
  const values = await tensor.data<'float32'>();
  tensor.dispose();
  return values;
}

/** Whether two vectors differ in [from, to) by at most a tenth of the second one's norm. */
function agree(actual: Float32Array, expected: Float32Array, from: number, to: number): boolean {
  let error = 0;
  let norm = 0;
  for (let i = from; i < to; i++) {
    error += (actual[i]! - expected[i]!) ** 2;
    norm += expected[i]! ** 2;
  }
  return error <= 0.01 * norm;
}
