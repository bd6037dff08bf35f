/** f(θ) = θ², one coordinate: the smallest problem there is, for tests and first steps. */
import type * as tfjs from '@tensorflow/tfjs';
import { fillNormal, type Key } from '../../shared/random.js';
import type { Batch, Draw, Gradient, HessianProduct, ProblemFamily, Problems, Tf } from './problem.js';
import { streamKey } from './streams.js';

/** The family `simple`: θ_0 ~ N(0, 1). */
export const simple: ProblemFamily = {
  name: 'simple',
  summary: 'f(θ) = θ² in one dimension, θ_0 ~ N(0, 1)',
  options: {},
  training: { problems: 64, shards: 2, unroll: 5, learningRate: 2e-3, evaluateEvery: 500, evaluateFunctions: 1024 },
  async configure(): Promise<Problems> {
    return {
      coordinates: 1,
      draw,
      loss,
      stationary: true,
      createGradient: () => gradient,
      createHessian: () => hessian,
    };
  },
};

function draw(key: Key, count: number): Draw {
  const theta = new Float32Array(count);
  for (let p = 0; p < count; p++) fillNormal(streamKey(key, 'theta', p), theta.subarray(p, p + 1));
  return { theta, data: new Float32Array(0) };
}

function loss(tf: Tf, theta: tfjs.Tensor2D): tfjs.Tensor1D {
  return tf.tidy(() => tf.sum<tfjs.Tensor1D>(tf.square(theta), 1));
}

/** ∇f = 2θ. */
const gradient: Gradient = (theta, batch: Batch, _step, out, losses) => {
  for (let p = 0; p < batch.count; p++) {
    const x = theta[p]!;
    losses[p] = x * x;
    out[p] = 2 * x;
  }
};

/** ∇²f·v = 2v. */
const hessian: HessianProduct = (_theta, vector, _batch, _step, product) => {
  for (let i = 0; i < vector.length; i++) product[i] = 2 * vector[i]!;
};
