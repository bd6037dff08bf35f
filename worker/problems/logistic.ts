/**
 * Binary logistic regression on synthetic data, all of it at every step (after Li and Malik 2016, "Learning to
 * Optimize", arXiv 1606.01885, section 5): with θ = (w, v) and labels s_i = ±1,
 *
 *     f(θ) = 1/m·Σ_i ln(1 + e^{−s_i·(x_iᵀw + v)}) + λ/2·||w||²
 */
import type * as tfjs from '@tensorflow/tfjs';
import { exp, log } from '../../shared/elementary.js';
import { fillNormal, foldIn, type Key } from '../../shared/random.js';
import { dataTensor } from './data-tensor.js';
import type { Batch, Draw, Gradient, HessianProduct, OptionValues, ProblemFamily, Problems, Tf } from './problem.js';
import { matrixVectorProducts } from './products.js';
import { streamKey } from './streams.js';

/** What a problem is drawn from. */
interface LogisticOptions {
  /** Features of an example; θ has one more coordinate. */
  dimension: number;
  /** m. */
  examples: number;
  /** λ. */
  lambda: number;
  /** Standard deviation of θ_0. */
  initialScale: number;
}

/** The family `logistic`: the examples of each class are normal, with a random mean and covariance. */
export const logistic: ProblemFamily = {
  name: 'logistic',
  summary: 'binary logistic regression on two random clouds of points, drawn for every problem, with an ℓ2 penalty',
  options: {
    dimension: { type: 'integer', default: 10, minimum: 1, describe: 'features of an example; θ also has a bias' },
    examples: { type: 'integer', default: 100, minimum: 2, describe: 'examples, alternating between two classes' },
    lambda: { type: 'number', default: 5e-4, minimum: 0, describe: 'λ, twice the weight of the squared norm' },
    'initial-scale': {
      type: 'number',
      default: 1,
      minimum: 0,
      describe: 'standard deviation of θ_0, which is normal around 0',
    },
  },
  training: {
    problems: 16,
    shards: 2,
    unroll: 5,
    learningRate: 2e-3,
    outputScale: 1,
    evaluateEvery: 500,
    evaluateFunctions: 512,
  },
  async configure(values: OptionValues): Promise<Problems> {
    const options: LogisticOptions = {
      dimension: values['dimension'] as number,
      examples: values['examples'] as number,
      lambda: values['lambda'] as number,
      initialScale: values['initial-scale'] as number,
    };
    return {
      coordinates: options.dimension + 1,
      parameters: [
        { name: 'weights', shape: [options.dimension] },
        { name: 'bias', shape: [1] },
      ],
      draw: (key, count) => draw(key, count, options),
      loss: (tf, theta, batch) => loss(tf, theta, batch, options),
      stationary: true,
      createGradient: () => createGradient(options),
      createHessian: () => createHessian(options),
    };
  },
};

/** The label of example i. */
function labelOf(i: number): number {
  return i % 2 === 0 ? 1 : -1;
}

/** `data` is [P × examples × dimension]: for each problem x_i, row by row. */
function draw(key: Key, count: number, { dimension, examples, initialScale }: LogisticOptions): Draw {
  const coordinates = dimension + 1;
  const width = examples * dimension;
  const theta = new Float32Array(count * coordinates);
  const data = new Float32Array(count * width);
  for (let p = 0; p < count; p++) {
    drawExamples(streamKey(key, 'data', p), data.subarray(p * width, (p + 1) * width), dimension);
    if (initialScale === 0) continue;
    fillNormal(streamKey(key, 'theta', p), theta.subarray(p * coordinates, (p + 1) * coordinates), 0, initialScale);
  }
  return { theta, data };
}

/** x = μ + A·n: each class has its own μ ~ N(0, 1) and A [d × d] ~ N(0, 1/d), and n ~ N(0, 1). */
function drawExamples(key: Key, out: Float32Array, dimension: number): void {
  const classes = [0, 1].map((index) => {
    const mean = new Float32Array(dimension);
    const factor = new Float32Array(dimension * dimension);
    fillNormal(foldIn(key, 2 * index + 1), mean);
    fillNormal(foldIn(key, 2 * index + 2), factor, 0, 1 / Math.sqrt(dimension));
    return { mean, factor };
  });
  fillNormal(foldIn(key, 0), out);
  const x = new Float64Array(dimension);
  for (let row = 0; row < out.length; row += dimension) {
    const { mean, factor } = classes[(row / dimension) % 2]!;
    for (let j = 0; j < dimension; j++) {
      x[j] = mean[j]!;
      for (let k = 0; k < dimension; k++) x[j]! += factor[j * dimension + k]! * out[row + k]!;
    }
    out.set(x, row);
  }
}

function loss(
  tf: Tf,
  theta: tfjs.Tensor2D,
  batch: Batch,
  { dimension, examples, lambda }: LogisticOptions,
): tfjs.Tensor1D {
  return tf.tidy(() => {
    const { count } = batch;
    const x: tfjs.Tensor3D = tf.reshape(dataTensor(tf, batch), [count, examples, dimension]);
    const w = tf.slice(theta, [0, 0], [count, dimension]);
    const bias = tf.slice(theta, [0, dimension], [count, 1]);
    const scores = matrixVectorProducts(tf, x, w);
    const labels = tf.tensor1d(Array.from({ length: examples }, (_, i) => labelOf(i)));
    const margins = tf.mul(labels, tf.add(scores, bias));
    const penalty = tf.mul(tf.sum(tf.square(w), 1), lambda / 2);
    return tf.add<tfjs.Tensor1D>(tf.mean(tf.softplus(tf.neg(margins)), 1), penalty);
  });
}

/** ∂f/∂w = −1/m·Σ_i s_i·σ(−s_i·(x_iᵀw + v))·x_i + λw, and ∂f/∂v is the same without x_i and the penalty. */
function createGradient({ dimension, examples, lambda }: LogisticOptions): Gradient {
  const point = new Float64Array(dimension);
  const slopes = new Float64Array(dimension);
  return (theta, { count, data }, _step, gradient, losses) => {
    for (let p = 0; p < count; p++) {
      const row = p * (dimension + 1);
      const bias = theta[row + dimension]!;
      let penalty = 0;
      for (let j = 0; j < dimension; j++) {
        point[j] = theta[row + j]!;
        penalty += point[j]! * point[j]!;
      }
      slopes.fill(0);
      let biasSlope = 0;
      let total = 0;
      for (let i = 0; i < examples; i++) {
        const x = (p * examples + i) * dimension;
        let score = bias;
        for (let j = 0; j < dimension; j++) score += data[x + j]! * point[j]!;
        const label = labelOf(i);
        const margin = label * score;
        // one exponential of a non-positive number gives ln(1 + e^−margin) and σ(−margin) without overflow
        const e = exp(-Math.abs(margin));
        total += Math.max(-margin, 0) + log(1 + e);
        const slope = (-label * (margin > 0 ? e : 1)) / (1 + e);
        for (let j = 0; j < dimension; j++) slopes[j]! += slope * data[x + j]!;
        biasSlope += slope;
      }
      for (let j = 0; j < dimension; j++) gradient[row + j] = slopes[j]! / examples + lambda * point[j]!;
      gradient[row + dimension] = biasSlope / examples;
      losses[p] = total / examples + (lambda / 2) * penalty;
    }
  };
}

/** With x̃ = (x, 1), ∇²f·v = 1/m·Σ_i σ(m_i)·σ(−m_i)·(x̃_iᵀv)·x̃_i, and λ·v for w. */
function createHessian({ dimension, examples, lambda }: LogisticOptions): HessianProduct {
  const sums = new Float64Array(dimension + 1);
  return (theta, vector, { count, data }, _step, product) => {
    for (let p = 0; p < count; p++) {
      const row = p * (dimension + 1);
      sums.fill(0);
      for (let i = 0; i < examples; i++) {
        const x = (p * examples + i) * dimension;
        let score = theta[row + dimension]!;
        let along = vector[row + dimension]!;
        for (let j = 0; j < dimension; j++) {
          score += data[x + j]! * theta[row + j]!;
          along += data[x + j]! * vector[row + j]!;
        }
        // the same for both labels, and without overflow
        const e = exp(-Math.abs(score));
        const bend = (e / ((1 + e) * (1 + e))) * along;
        for (let j = 0; j < dimension; j++) sums[j]! += bend * data[x + j]!;
        sums[dimension]! += bend;
      }
      for (let j = 0; j < dimension; j++) product[row + j] = sums[j]! / examples + lambda * vector[row + j]!;
      product[row + dimension] = sums[dimension]! / examples;
    }
  };
}
