import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import type { Batch } from '../../worker/problems/problem.js';
import { drawCase, gradientAt, KEY, moments, norm, row } from '../fixtures/drawn-problems.js';

/** f and ∇f of one problem with this data. */
async function closedFormOf(family: string, options: Record<string, unknown>, data: number[], theta: number[]) {
  const one = await drawCase({ family, options }, 1);
  const batch: Batch = { count: 1, data: Float32Array.from(data), key: KEY, split: 'train' };
  const { gradient, losses } = gradientAt({ ...one, theta: Float32Array.from(theta), batch }, 0);
  return [losses[0]!, ...gradient];
}

test('lasso by hand: W = [1 2 3], y = 4, λ = 10 and θ = (1, −2, 0) have f = 54.5 and ∇f = (3, −24, −21)', async () => {
  // the residual is −7, and the subgradient of |θ| at 0 is 0
  const options = { dimension: 3, rows: 1, lambda: 10, nonzero: 1 };
  assert.deepEqual(await closedFormOf('lasso', options, [1, 2, 3, 4], [1, -2, 0]), [54.5, 3, -24, -21]);
});

test('lasso has the same subgradient at 0 on tensors', async () => {
  await tf.setBackend('cpu');
  const one = await drawCase({ family: 'lasso', options: {} }, 2);
  const { problems, theta, batch, coordinates } = one;
  assert.ok(theta.every((x) => x === 0));
  const slopes = tf.tidy(() => {
    const x = tf.tensor2d(theta, [2, coordinates]);
    return tf
      .grad((y) => tf.sum(problems.loss(tf, y as tf.Tensor2D, batch, 0)))(x)
      .dataSync() as Float32Array;
  });
  const { gradient } = gradientAt(one, 0);
  assert.ok(norm(gradient.map((slope, i) => slope - slopes[i]!)) <= 1e-6 * norm(gradient));
});

test('lasso draws W with columns of unit norm, and y from as many of them as named', async () => {
  const rows = 4;
  const { batch } = await drawCase({ family: 'lasso', options: { dimension: 6, rows, nonzero: 1 } }, 50);
  const chosen = new Set<number>();
  const signals: number[] = [];
  for (let p = 0; p < 50; p++) {
    const own = row(batch.data, p, 7 * rows);
    const y = own.subarray(6 * rows);
    const columns = Array.from({ length: 6 }, (_, j) => y.map((_y, i) => own[6 * i + j]!));
    for (const column of columns) assert.ok(Math.abs(norm(column) - 1) < 1e-6);
    // y is a multiple of one column
    const found = columns.findIndex((column) => {
      const product = column.reduce((sum, w, i) => sum + w * y[i]!, 0);
      return norm(y.map((value, i) => value - product * column[i]!)) < 1e-6;
    });
    chosen.add(found);
    signals.push(norm(y));
  }
  assert.deepEqual(chosen, new Set([0, 1, 2, 3, 4, 5]));
  const square = signals.reduce((sum, x) => sum + x * x, 0) / signals.length;
  assert.ok(square > 0.5 && square < 2, `the mean square of N(0, 1): ${square}`);
});

test('lasso adds noise of the deviation named to y', async () => {
  const options = { dimension: 2, rows: 50, nonzero: 1 };
  const clean = await drawCase({ family: 'lasso', options }, 100);
  const noisy = await drawCase({ family: 'lasso', options: { ...options, noise: 0.3 } }, 100);
  const noise = noisy.batch.data.map((value, i) => value - clean.batch.data[i]!);
  const ofY = noise.filter((_, i) => i % 150 >= 100);
  assert.ok(noise.every((value, i) => i % 150 >= 100 || value === 0));
  const [mean, deviation] = moments(ofY);
  assert.ok(Math.abs(mean) < 0.02 && Math.abs(deviation - 0.3) < 0.01, `${mean}, ${deviation}`);
});

test('rastrigin by hand: at θ = (½, ¼) with A = [1 2; 0 4], b = (1, 0), c = (3, −2) and α = 10', async () => {
  // Aθ − b = (0, 1); cos(2πθ) = (−1, 0), sin(2πθ) = (0, 1)
  const [loss, first, second] = await closedFormOf('rastrigin', {}, [1, 2, 0, 4, 1, 0, 3, -2], [0.5, 0.25]);
  assert.equal(loss, 0.5 + 30 + 20);
  assert.ok(Math.abs(first!) < 1e-12, `${first}`);
  assert.ok(Math.abs(second! - (4 - 40 * Math.PI)) < 1e-5, `${second}`);
});

test('rosenbrock with o = (1, 1) and b = 100 is the original: f(−1.2, 1) = 24.2, ∇f = (−215.6, −88)', async () => {
  const values = await closedFormOf('rosenbrock', {}, [1, 1, 100], [-1.2, 1]);
  for (const [i, expected] of [24.2, -215.6, -88].entries()) {
    assert.ok(Math.abs(values[i]! - expected) < 2e-5 * Math.abs(expected), `${values[i]} for ${expected}`);
  }
});

test('rosenbrock has its minimum 0 at o, and draws o and b as named', async () => {
  const one = await drawCase({ family: 'rosenbrock', options: { dimension: 3, steepness: 50, spread: 2 } }, 500);
  assert.ok(one.theta.every((x) => x === 0));
  const data = [...one.batch.data.keys()].map((i) => row(one.batch.data, i, 4)).slice(0, 500);
  const minima = Float32Array.from(data.flatMap((own) => [...own.subarray(0, 3)]));
  const { gradient, losses } = gradientAt({ ...one, theta: minima }, 0);
  assert.ok(losses.every((loss) => loss === 0) && gradient.every((slope) => Math.abs(slope) === 0));
  const [mean, deviation] = moments(minima);
  assert.ok(Math.abs(mean) < 0.15 && Math.abs(deviation - 2) < 0.15, `o: ${mean}, ${deviation}`);
  const exponents = Float32Array.from(data, (own) => Math.log(own[3]!) / Math.log(50));
  assert.ok(exponents.every((x) => x >= 0 && x < 1));
  const [middle, width] = moments(exponents);
  assert.ok(Math.abs(middle - 0.5) < 0.04 && Math.abs(width - Math.sqrt(1 / 12)) < 0.03, `b: ${middle}, ${width}`);
});

test('logistic at θ = 0 has the loss ln 2, and stays finite where e^margin overflows', async () => {
  const options = { dimension: 1, examples: 2, lambda: 0 };
  const [loss] = await closedFormOf('logistic', options, [3, 5], [0, 0]);
  assert.ok(Math.abs(loss! - Math.LN2) < 1e-15);
  // margins 3 000 and −5 000: ln(1 + e^5000) = 5 000, and ∂f/∂w = ½·5, ∂f/∂v = ½
  assert.deepEqual(await closedFormOf('logistic', options, [3, 5], [1000, 0]), [2500, 2.5, 0.5]);
});

test('logistic draws each class with its own mean, and with covariances that are the identity on average', async () => {
  const [d, examples, count] = [2, 200, 200];
  const { batch } = await drawCase({ family: 'logistic', options: { dimension: d, examples } }, count);
  const means: number[] = [];
  const variances: number[] = [];
  for (let p = 0; p < count; p++) {
    const own = row(batch.data, p, examples * d);
    for (const [label, feature] of [
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
    ] as const) {
      const [mean, deviation] = moments(own.filter((_, i) => (i >> 1) % 2 === label && i % 2 === feature));
      means.push(mean);
      variances.push(deviation ** 2);
    }
  }
  const [mean, deviation] = moments(Float32Array.from(means));
  assert.ok(Math.abs(mean) < 0.12 && Math.abs(deviation - 1) < 0.1, `means: ${mean}, ${deviation}`);
  const [variance, differing] = moments(Float32Array.from(variances));
  assert.ok(Math.abs(variance - 1) < 0.12 && differing > 0.5, `variances: ${variance}, ${differing}`);
});
