/**
 * Random Rosenbrock functions, a curved valley with a flat floor (Rosenbrock 1960; in d dimensions and shifted as F6 of
 * Suganthan et al. 2005, the problems of CEC 2005):
 *
 *     f(θ) = Σ_{i<d} b·(z_{i+1} − z_i²)² + (1 − z_i)², z = θ − o + 1
 *
 * with its minimum 0 at θ = o. Position o and steepness b differ between problems: with o = 1 and b = 100 always, as in
 * the original, an optimizer need only learn the way to (1, …, 1).
 */
import type * as tfjs from '@tensorflow/tfjs';
import { exp, log } from '../../shared/elementary.js';
import { fillNormal, fillUniform, foldIn, type Key } from '../../shared/random.js';
import { dataTensor } from './data-tensor.js';
import type { Batch, Draw, Gradient, HessianProduct, OptionValues, ProblemFamily, Problems, Tf } from './problem.js';
import { streamKey } from './streams.js';

/** What a problem is drawn from. */
interface RosenbrockOptions {
  /** d. */
  dimension: number;
  /** The largest b. */
  steepness: number;
  /** Standard deviation of o. */
  spread: number;
  /** Standard deviation of θ_0. */
  initialScale: number;
}

/** The family `rosenbrock`: o is normal around 0, b log-uniform. */
export const rosenbrock: ProblemFamily = {
  name: 'rosenbrock',
  summary: 'f(θ) = Σ b·(z_{i+1} − z_i²)² + (1 − z_i)², z = θ − o + 1, b and o random for every problem',
  options: {
    dimension: { type: 'integer', default: 2, minimum: 2, describe: 'coordinates of θ' },
    steepness: {
      type: 'number',
      default: 100,
      minimum: 1,
      describe: 'the largest b; b is log-uniform from 1 to this',
    },
    spread: { type: 'number', default: 0.5, minimum: 0, describe: 'standard deviation of o, which is normal around 0' },
    'initial-scale': {
      type: 'number',
      default: 0,
      minimum: 0,
      describe: 'standard deviation of θ_0, which is normal around 0',
    },
  },
  training: { problems: 64, shards: 2, unroll: 5, learningRate: 2e-3, evaluateEvery: 500, evaluateFunctions: 1024 },
  async configure(values: OptionValues): Promise<Problems> {
    const options: RosenbrockOptions = {
      dimension: values['dimension'] as number,
      steepness: values['steepness'] as number,
      spread: values['spread'] as number,
      initialScale: values['initial-scale'] as number,
    };
    const { dimension } = options;
    return {
      coordinates: dimension,
      draw: (key, count) => draw(key, count, options),
      loss: (tf, theta, batch) => loss(tf, theta, batch, dimension),
      stationary: true,
      createGradient: () => createGradient(dimension),
      createHessian: () => createHessian(dimension),
    };
  },
};

/** `data` is [P × (d + 1)]: for each problem o, then b. */
function draw(key: Key, count: number, { dimension, steepness, spread, initialScale }: RosenbrockOptions): Draw {
  const width = dimension + 1;
  const theta = new Float32Array(count * dimension);
  const data = new Float32Array(count * width);
  for (let p = 0; p < count; p++) {
    const own = data.subarray(p * width, (p + 1) * width);
    const dataKey = streamKey(key, 'data', p);
    fillNormal(foldIn(dataKey, 0), own.subarray(0, dimension), 0, spread);
    fillUniform(foldIn(dataKey, 1), own.subarray(dimension), 0, log(steepness));
    own[dimension] = exp(own[dimension]!);
    if (initialScale === 0) continue;
    fillNormal(streamKey(key, 'theta', p), theta.subarray(p * dimension, (p + 1) * dimension), 0, initialScale);
  }
  return { theta, data };
}

function loss(tf: Tf, theta: tfjs.Tensor2D, batch: Batch, dimension: number): tfjs.Tensor1D {
  return tf.tidy(() => {
    const all = dataTensor(tf, batch);
    const { count } = batch;
    const b = tf.slice(all, [0, dimension], [count, 1]);
    const z = tf.add(tf.sub(theta, tf.slice(all, [0, 0], [count, dimension])), 1);
    const here = tf.slice(z, [0, 0], [count, dimension - 1]);
    const next = tf.slice(z, [0, 1], [count, dimension - 1]);
    const walls = tf.mul(b, tf.square(tf.sub(next, tf.square(here))));
    return tf.sum<tfjs.Tensor1D>(tf.add(walls, tf.square(tf.sub(1, here))), 1);
  });
}

/** With u = z_{i+1} − z_i², the i-th term adds −4b·u·z_i − 2·(1 − z_i) to ∂f/∂θ_i and 2b·u to ∂f/∂θ_{i+1}. */
function createGradient(dimension: number): Gradient {
  return (theta, { count, data }, _step, gradient, losses) => {
    for (let p = 0; p < count; p++) {
      const row = p * dimension;
      const o = p * (dimension + 1);
      const b = data[o + dimension]!;
      let total = 0;
      let z = theta[row]! - data[o]! + 1;
      let slope = 0;
      for (let i = 0; i + 1 < dimension; i++) {
        const next = theta[row + i + 1]! - data[o + i + 1]! + 1;
        const u = next - z * z;
        const v = 1 - z;
        total += b * u * u + v * v;
        gradient[row + i] = slope - 4 * b * u * z - 2 * v;
        slope = 2 * b * u;
        z = next;
      }
      gradient[row + dimension - 1] = slope;
      losses[p] = total;
    }
  };
}

/** The i-th term has the second derivatives 12b·z_i² − 4b·z_{i+1} + 2 in z_i, −4b·z_i in both, and 2b in z_{i+1}. */
function createHessian(dimension: number): HessianProduct {
  return (theta, vector, { count, data }, _step, product) => {
    for (let p = 0; p < count; p++) {
      const row = p * dimension;
      const o = p * (dimension + 1);
      const b = data[o + dimension]!;
      let z = theta[row]! - data[o]! + 1;
      let carried = 0;
      for (let i = 0; i + 1 < dimension; i++) {
        const next = theta[row + i + 1]! - data[o + i + 1]! + 1;
        const here = vector[row + i]!;
        const there = vector[row + i + 1]!;
        product[row + i] = carried + (12 * b * z * z - 4 * b * next + 2) * here - 4 * b * z * there;
        carried = 2 * b * there - 4 * b * z * here;
        z = next;
      }
      product[row + dimension - 1] = carried;
    }
  };
}
