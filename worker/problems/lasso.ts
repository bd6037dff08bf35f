/**
 * Sparse recovery by ℓ1-regularised least squares, f(θ) = ½·||Wθ − y||² + λ·||θ||_1 (Chen et al. 2022, "Learning to
 * Optimize: A Primer and A Benchmark", JMLR 23), drawn as by Liu et al. 2023 (arXiv 2305.18577): W from N(0, 1) with
 * columns of unit norm, and y = Wθ* of a sparse θ*. It starts at θ_0 = 0.
 */
import type * as tfjs from '@tensorflow/tfjs';
import { UsageError } from '../../shared/errors.js';
import { fillNormal, fillUniform, foldIn, type Key } from '../../shared/random.js';
import { leastSquares, normalProduct, residuals } from './least-squares.js';
import type { Batch, Draw, Gradient, HessianProduct, OptionValues, ProblemFamily, Problems, Tf } from './problem.js';
import { streamKey } from './streams.js';

/** What a problem is drawn from. */
interface LassoOptions {
  /** W is [rows × columns]. */
  rows: number;
  columns: number;
  /** λ. */
  lambda: number;
  /** Coordinates of θ* that are not 0. */
  nonzero: number;
  /** Standard deviation of the noise on y. */
  noise: number;
  /** Standard deviation of θ_0. */
  initialScale: number;
}

/** The family `lasso`: W and θ* are drawn for every problem. */
export const lasso: ProblemFamily = {
  name: 'lasso',
  summary: 'f(θ) = ½·||Wθ − y||² + λ·||θ||_1, y = Wθ* of a sparse θ*, W and θ* random for every problem',
  options: {
    dimension: { type: 'integer', default: 50, minimum: 1, describe: 'coordinates of θ' },
    rows: { type: 'integer', default: 25, minimum: 1, describe: 'rows of W' },
    lambda: { type: 'number', default: 0.1, minimum: 0, describe: 'λ, the weight of ||θ||_1' },
    nonzero: { type: 'integer', default: 5, minimum: 1, describe: 'coordinates of θ* that are N(0, 1) rather than 0' },
    noise: { type: 'number', default: 0, minimum: 0, describe: 'standard deviation of the normal noise on y' },
    'initial-scale': {
      type: 'number',
      default: 0,
      minimum: 0,
      describe: 'standard deviation of θ_0, which is normal around 0',
    },
  },
  training: { problems: 16, shards: 2, unroll: 5, learningRate: 2e-3, evaluateEvery: 500, evaluateFunctions: 512 },
  async configure(values: OptionValues): Promise<Problems> {
    const options: LassoOptions = {
      rows: values['rows'] as number,
      columns: values['dimension'] as number,
      lambda: values['lambda'] as number,
      nonzero: values['nonzero'] as number,
      noise: values['noise'] as number,
      initialScale: values['initial-scale'] as number,
    };
    const { columns, nonzero } = options;
    if (nonzero > columns) {
      const limit = `at most the dimension, ${columns}`;
      throw new UsageError(`Cannot configure lasso: "nonzero" must be ${limit}, got ${nonzero}`);
    }
    return {
      coordinates: columns,
      draw: (key, count) => draw(key, count, options),
      loss: (tf, theta, batch) => loss(tf, theta, batch, options),
      stationary: true,
      createGradient: () => createGradient(options),
      createHessian: () => createHessian(options),
    };
  },
};

/** `data` is [P × (rows·columns + rows)]: for each problem W, row by row, then y. */
function draw(key: Key, count: number, options: LassoOptions): Draw {
  const { rows, columns, initialScale } = options;
  const width = rows * columns + rows;
  const theta = new Float32Array(count * columns);
  const data = new Float32Array(count * width);
  for (let p = 0; p < count; p++) {
    const own = data.subarray(p * width, (p + 1) * width);
    drawData(streamKey(key, 'data', p), own.subarray(0, rows * columns), own.subarray(rows * columns), options);
    if (initialScale === 0) continue;
    fillNormal(streamKey(key, 'theta', p), theta.subarray(p * columns, (p + 1) * columns), 0, initialScale);
  }
  return { theta, data };
}

/** Fills W, then y = Wθ* + noise. */
function drawData(key: Key, w: Float32Array, y: Float32Array, { rows, columns, nonzero, noise }: LassoOptions): void {
  fillNormal(foldIn(key, 0), w);
  for (let j = 0; j < columns; j++) {
    let square = 0;
    for (let i = 0; i < rows; i++) square += w[i * columns + j]! * w[i * columns + j]!;
    const norm = Math.sqrt(square);
    for (let i = 0; i < rows; i++) w[i * columns + j]! /= norm;
  }
  if (noise > 0) fillNormal(foldIn(key, 1), y, 0, noise);
  const signal = new Float32Array(nonzero);
  fillNormal(foldIn(key, 2), signal);
  const support = drawSupport(foldIn(key, 3), columns, nonzero);
  for (let i = 0; i < rows; i++) {
    let sum = y[i]!;
    for (let s = 0; s < nonzero; s++) sum += w[i * columns + support[s]!]! * signal[s]!;
    y[i] = sum;
  }
}

/** `nonzero` distinct coordinates, all choices equally likely: those of the smallest of `columns` independent draws. */
function drawSupport(key: Key, columns: number, nonzero: number): number[] {
  const draws = new Float32Array(columns);
  fillUniform(key, draws);
  return [...draws.keys()].sort((a, b) => draws[a]! - draws[b]!).slice(0, nonzero);
}

function loss(tf: Tf, theta: tfjs.Tensor2D, batch: Batch, options: LassoOptions): tfjs.Tensor1D {
  return tf.tidy(() => {
    const squares = tf.sum<tfjs.Tensor1D>(tf.square(residuals(tf, theta, batch, options)), 1);
    // θ·sign θ is |θ| with the derivative 0 at 0; tf.abs has −1 there
    const norm = tf.sum<tfjs.Tensor1D>(tf.mul(theta, tf.sign(theta)), 1);
    return tf.add<tfjs.Tensor1D>(tf.mul(squares, 0.5), tf.mul(norm, options.lambda));
  });
}

/** ∇f = Wᵀ·(Wθ − y) + λ·sign θ, where sign 0 = 0: the subgradient of |θ| in the middle of [−1, 1]. */
function createGradient(options: LassoOptions): Gradient {
  const { rows, columns, lambda } = options;
  const width = rows * columns + rows;
  const point = new Float64Array(columns);
  const slopes = new Float64Array(columns);
  return (theta, { count, data }, _step, gradient, losses) => {
    for (let p = 0; p < count; p++) {
      const row = p * columns;
      for (let j = 0; j < columns; j++) point[j] = theta[row + j]!;
      const squares = leastSquares(data, p * width, point, slopes, options);
      let norm = 0;
      for (let j = 0; j < columns; j++) {
        norm += Math.abs(point[j]!);
        gradient[row + j] = slopes[j]! + lambda * Math.sign(point[j]!);
      }
      losses[p] = 0.5 * squares + lambda * norm;
    }
  };
}

/** ∇²f·v = WᵀWv: |θ| has no curvature away from its kink. */
function createHessian(options: LassoOptions): HessianProduct {
  const { rows, columns } = options;
  const width = rows * columns + rows;
  const own = new Float64Array(columns);
  const image = new Float64Array(columns);
  return (_theta, vector, { count, data }, _step, product) => {
    for (let p = 0; p < count; p++) {
      const row = p * columns;
      for (let j = 0; j < columns; j++) own[j] = vector[row + j]!;
      normalProduct(data, p * width, own, image, options);
      product.set(image, row);
    }
  };
}
