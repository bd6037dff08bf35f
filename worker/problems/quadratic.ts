/** Random linear least squares, f(θ) = ||Wθ − y||² (Andrychowicz et al. 2016, section 3.1). */
import type * as tfjs from '@tensorflow/tfjs';
import { fillNormal, fillUniform, type Key } from '../../shared/random.js';
import type { Batch, Draw, Gradient, OptionValues, ProblemFamily, Problems, Tf } from './problem.js';
import { streamKey } from './streams.js';

/** The family `quadratic`: W and y are drawn anew for every problem, W square. */
export const quadratic: ProblemFamily = {
  name: 'quadratic',
  summary: 'f(θ) = ||Wθ − y||², W and y random for every problem',
  options: {
    dimension: { type: 'integer', default: 10, minimum: 1, describe: 'coordinates of θ' },
    distribution: {
      type: 'choice',
      default: 'normal',
      choices: ['normal', 'uniform'],
      describe: 'W and y from N(0, 1) or from U[0, 1)',
    },
    'initial-scale': {
      type: 'number',
      default: 0,
      minimum: 0,
      describe: 'standard deviation of θ_0, which is normal around 0',
    },
  },
  training: { problems: 64, shards: 2, unroll: 5, learningRate: 2e-3, evaluateEvery: 500, evaluateFunctions: 1024 },
  async configure(options: OptionValues): Promise<Problems> {
    const dimension = options['dimension'] as number;
    const fill = options['distribution'] === 'uniform' ? fillUniform : fillNormal;
    const scale = options['initial-scale'] as number;
    return {
      coordinates: dimension,
      draw: (key, count) => draw(key, count, dimension, fill, scale),
      loss: (tf, theta, batch) => loss(tf, theta, batch, dimension),
      createGradient: () => createGradient(dimension),
    };
  },
};

/** `data` is [P × (d² + d)]: of each problem W, row by row, then y. */
function draw(
  key: Key,
  count: number,
  dimension: number,
  fill: (key: Key, out: Float32Array) => void,
  scale: number,
): Draw {
  const theta = new Float32Array(count * dimension);
  const width = dimension * (dimension + 1);
  const data = new Float32Array(count * width);
  for (let p = 0; p < count; p++) {
    fill(streamKey(key, 'data', p), data.subarray(p * width, (p + 1) * width));
    if (scale === 0) continue;
    fillNormal(streamKey(key, 'theta', p), theta.subarray(p * dimension, (p + 1) * dimension), 0, scale);
  }
  return { theta, data };
}

function loss(tf: Tf, theta: tfjs.Tensor2D, batch: Batch, dimension: number): tfjs.Tensor1D {
  return tf.tidy(() => {
    const square = dimension * dimension;
    const data = tf.tensor2d(batch.data, [batch.count, square + dimension]);
    const w = data.slice([0, 0], [batch.count, square]).reshape([batch.count, dimension, dimension]);
    const y = data.slice([0, square], [batch.count, dimension]);
    const product = tf.matMul(w, theta.reshape([batch.count, dimension, 1])).reshape([batch.count, dimension]);
    return tf.sum<tfjs.Tensor1D>(tf.square(tf.sub(product, y)), 1);
  });
}

/** ∇f = 2·Wᵀ·(Wθ − y), with sums in double precision. */
function createGradient(dimension: number): Gradient {
  const point = new Float64Array(dimension);
  const sums = new Float64Array(dimension);
  return (theta, batch, _step, gradient, losses) => {
    const data = batch.data;
    for (let p = 0; p < batch.count; p++) {
      const row = p * dimension;
      const w = row * (dimension + 1);
      const y = w + dimension * dimension;
      for (let j = 0; j < dimension; j++) {
        point[j] = theta[row + j]!;
        sums[j] = 0;
      }
      let total = 0;
      let i = 0;
      // two rows at a time: their sums do not wait for each other
      for (; i + 1 < dimension; i += 2) {
        const upper = w + i * dimension;
        const lower = upper + dimension;
        let r = -data[y + i]!;
        let q = -data[y + i + 1]!;
        for (let j = 0; j < dimension; j++) {
          r += data[upper + j]! * point[j]!;
          q += data[lower + j]! * point[j]!;
        }
        for (let j = 0; j < dimension; j++) sums[j]! += data[upper + j]! * r + data[lower + j]! * q;
        total += r * r + q * q;
      }
      if (i < dimension) {
        const bottom = w + i * dimension;
        let r = -data[y + i]!;
        for (let j = 0; j < dimension; j++) r += data[bottom + j]! * point[j]!;
        for (let j = 0; j < dimension; j++) sums[j]! += data[bottom + j]! * r;
        total += r * r;
      }
      for (let j = 0; j < dimension; j++) gradient[row + j] = 2 * sums[j]!;
      losses[p] = total;
    }
  };
}
