/** Random linear least squares, f(θ) = ||Wθ − y||² (Andrychowicz et al. 2016, section 3.1). */
import type * as tfjs from '@tensorflow/tfjs';
import { fillNormal, fillUniform, type Key } from '../../shared/random.js';
import { leastSquares, normalProduct, residuals } from './least-squares.js';
import type { Batch, Draw, Gradient, HessianProduct, OptionValues, ProblemFamily, Problems, Tf } from './problem.js';
import { streamKey } from './streams.js';

/** The family `quadratic`: W is square; W and y are drawn for every problem. */
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
  training: {
    problems: 16,
    shards: 8,
    unroll: 10,
    learningRate: 1e-2,
    secondDerivatives: true,
    firstOrder: { unroll: 3, learningRate: 4e-3 },
    evaluateEvery: 500,
    evaluateFunctions: 1024,
  },
  async configure(options: OptionValues): Promise<Problems> {
    const dimension = options['dimension'] as number;
    const fill = options['distribution'] === 'uniform' ? fillUniform : fillNormal;
    const scale = options['initial-scale'] as number;
    return {
      coordinates: dimension,
      draw: (key, count) => draw(key, count, dimension, fill, scale),
      loss: (tf, theta, batch) => loss(tf, theta, batch, dimension),
      stationary: true,
      createGradient: () => createGradient(dimension),
      createHessian: () => createHessian(dimension),
    };
  },
};

/** `data` is [P × (d² + d)]: for each problem W, row by row, then y. */
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
    const r = residuals(tf, theta, batch, { rows: dimension, columns: dimension });
    return tf.sum<tfjs.Tensor1D>(tf.square(r), 1);
  });
}

/** ∇f = 2·Wᵀ·(Wθ − y). */
function createGradient(dimension: number): Gradient {
  const shape = { rows: dimension, columns: dimension };
  const point = new Float64Array(dimension);
  const slopes = new Float64Array(dimension);
  return (theta, { count, data }, _step, gradient, losses) => {
    for (let p = 0; p < count; p++) {
      const row = p * dimension;
      for (let j = 0; j < dimension; j++) point[j] = theta[row + j]!;
      losses[p] = leastSquares(data, row * (dimension + 1), point, slopes, shape);
      for (let j = 0; j < dimension; j++) gradient[row + j] = 2 * slopes[j]!;
    }
  };
}

/** ∇²f·v = 2·WᵀWv. */
function createHessian(dimension: number): HessianProduct {
  const shape = { rows: dimension, columns: dimension };
  const own = new Float64Array(dimension);
  const image = new Float64Array(dimension);
  return (_theta, vector, { count, data }, _step, product) => {
    for (let p = 0; p < count; p++) {
      const row = p * dimension;
      for (let j = 0; j < dimension; j++) own[j] = vector[row + j]!;
      normalProduct(data, row * (dimension + 1), own, image, shape);
      for (let j = 0; j < dimension; j++) product[row + j] = 2 * image[j]!;
    }
  };
}
