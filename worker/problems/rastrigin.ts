/**
 * Random Rastrigin functions, with many local minima on a quadratic bowl, f(θ) = ½·||Aθ − b||² − α·cᵀcos(2πθ) + α·d
 * (Chen et al. 2022, "Learning to Optimize: A Primer and A Benchmark", JMLR 23). Entries of c may be negative, and so
 * may f.
 */
import type * as tfjs from '@tensorflow/tfjs';
import { cosTurns, sinTurns } from '../../shared/elementary.js';
import { fillNormal, type Key } from '../../shared/random.js';
import { dataTensor } from './data-tensor.js';
import { leastSquares, normalProduct, residuals } from './least-squares.js';
import type { Batch, Draw, Gradient, HessianProduct, OptionValues, ProblemFamily, Problems, Tf } from './problem.js';
import { streamKey } from './streams.js';
import { cosTurnsOf } from './turns.js';

/** The family `rastrigin`: A [d × d], b and c are N(0, 1), drawn for every problem. */
export const rastrigin: ProblemFamily = {
  name: 'rastrigin',
  summary: 'f(θ) = ½·||Aθ − b||² − α·cᵀcos(2πθ) + α·d, A, b and c random for every problem',
  options: {
    dimension: { type: 'integer', default: 2, minimum: 1, describe: 'd, coordinates of θ' },
    alpha: { type: 'number', default: 10, minimum: 0, describe: 'α, the height of the waves' },
    'initial-scale': {
      type: 'number',
      default: 1,
      minimum: 0,
      describe: 'standard deviation of θ_0, which is normal around 0',
    },
  },
  training: {
    problems: 64,
    shards: 2,
    unroll: 5,
    learningRate: 2e-3,
    outputScale: 1,
    evaluateEvery: 500,
    evaluateFunctions: 1024,
  },
  async configure(options: OptionValues): Promise<Problems> {
    const dimension = options['dimension'] as number;
    const alpha = options['alpha'] as number;
    return {
      coordinates: dimension,
      draw: (key, count) => draw(key, count, dimension, options['initial-scale'] as number),
      loss: (tf, theta, batch) => loss(tf, theta, batch, dimension, alpha),
      stationary: true,
      createGradient: () => createGradient(dimension, alpha),
      createHessian: () => createHessian(dimension, alpha),
    };
  },
};

/** `data` is [P × (d² + 2d)]: for each problem A, row by row, then b, then c. */
function draw(key: Key, count: number, dimension: number, scale: number): Draw {
  const width = dimension * (dimension + 2);
  const theta = new Float32Array(count * dimension);
  const data = new Float32Array(count * width);
  for (let p = 0; p < count; p++) {
    fillNormal(streamKey(key, 'data', p), data.subarray(p * width, (p + 1) * width));
    if (scale === 0) continue;
    fillNormal(streamKey(key, 'theta', p), theta.subarray(p * dimension, (p + 1) * dimension), 0, scale);
  }
  return { theta, data };
}

function loss(tf: Tf, theta: tfjs.Tensor2D, batch: Batch, dimension: number, alpha: number): tfjs.Tensor1D {
  return tf.tidy(() => {
    const bowl = tf.square(residuals(tf, theta, batch, { rows: dimension, columns: dimension }));
    const data = dataTensor(tf, batch);
    const c = tf.slice(data, [0, dimension * (dimension + 1)], [batch.count, dimension]);
    const waves = tf.sub(1, tf.mul(c, cosTurnsOf(tf, theta)));
    return tf.sum<tfjs.Tensor1D>(tf.add(tf.mul(bowl, 0.5), tf.mul(waves, alpha)), 1);
  });
}

/** ∇f = Aᵀ·(Aθ − b) + 2πα·c·sin(2πθ). */
function createGradient(dimension: number, alpha: number): Gradient {
  const shape = { rows: dimension, columns: dimension };
  const width = dimension * (dimension + 2);
  const point = new Float64Array(dimension);
  const slopes = new Float64Array(dimension);
  return (theta, { count, data }, _step, gradient, losses) => {
    for (let p = 0; p < count; p++) {
      const row = p * dimension;
      const c = (p + 1) * width - dimension;
      for (let j = 0; j < dimension; j++) point[j] = theta[row + j]!;
      const bowl = leastSquares(data, p * width, point, slopes, shape);
      let waves = 0;
      for (let j = 0; j < dimension; j++) {
        waves += 1 - data[c + j]! * cosTurns(point[j]!);
        gradient[row + j] = slopes[j]! + 2 * Math.PI * alpha * data[c + j]! * sinTurns(point[j]!);
      }
      losses[p] = 0.5 * bowl + alpha * waves;
    }
  };
}

/** ∇²f·v = AᵀAv + 4π²α·c·cos(2πθ)·v. */
function createHessian(dimension: number, alpha: number): HessianProduct {
  const shape = { rows: dimension, columns: dimension };
  const width = dimension * (dimension + 2);
  const own = new Float64Array(dimension);
  const image = new Float64Array(dimension);
  return (theta, vector, { count, data }, _step, product) => {
    for (let p = 0; p < count; p++) {
      const row = p * dimension;
      const c = (p + 1) * width - dimension;
      for (let j = 0; j < dimension; j++) own[j] = vector[row + j]!;
      normalProduct(data, p * width, own, image, shape);
      for (let j = 0; j < dimension; j++) {
        const bend = 4 * Math.PI ** 2 * alpha * data[c + j]! * cosTurns(theta[row + j]!);
        product[row + j] = image[j]! + bend * own[j]!;
      }
    }
  };
}
