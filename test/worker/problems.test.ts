import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import type { Key } from '../../shared/random.js';
import type { Batch } from '../../worker/problems/problem.js';
import { FAMILIES, familyNamed, optionValues } from '../../worker/problems/registry.js';
import { type Case, closedForm, drawCase, KEY, moments, norm, row } from '../fixtures/drawn-problems.js';
import { referenceLoss } from './reference-losses.js';

/** Components that differ in their number of coordinates. */
const MIXED = {
  families: 'lasso,rastrigin=2',
  'lasso.dimension': 6,
  'lasso.initial-scale': 1,
  'rastrigin.dimension': 4,
};

const cases: Case[] = [
  { family: 'simple', options: {} },
  { family: 'quadratic', options: { 'initial-scale': 1 } },
  { family: 'quadratic', options: { dimension: 7, distribution: 'uniform', 'initial-scale': 0.5 } },
  { family: 'quadratic', options: { dimension: 1, 'initial-scale': 1 } },
  { family: 'mlp', options: { 'initial-scale': 0.2 } },
  { family: 'mlp', options: { hidden: [7, 5], activation: 'tanh', batch: 70, 'initial-scale': 0.3 }, split: 'test' },
  { family: 'mlp', options: { hidden: [20, 3], activation: 'relu', batch: 9, 'initial-scale': 0.3 } },
  { family: 'mlp', options: { hidden: [26], activation: 'sigmoid', batch: 64, 'initial-scale': 1 }, split: 'held-out' },
  { family: 'mlp', options: { hidden: [1], activation: 'tanh', batch: 1, 'initial-scale': 0.01 } },
  { family: 'mlp', options: { hidden: [], batch: 5, 'initial-scale': 0.1 } },
  { family: 'lasso', options: { 'initial-scale': 1 } },
  { family: 'lasso', options: { dimension: 7, rows: 9, lambda: 2, nonzero: 7, noise: 0.5, 'initial-scale': 0.1 } },
  { family: 'lasso', options: { dimension: 1, rows: 1, lambda: 0, nonzero: 1, 'initial-scale': 1 } },
  { family: 'rastrigin', options: {} },
  { family: 'rastrigin', options: { dimension: 10, alpha: 3, 'initial-scale': 2 } },
  { family: 'rastrigin', options: { dimension: 1, alpha: 0 } },
  { family: 'rosenbrock', options: { 'initial-scale': 1 } },
  { family: 'rosenbrock', options: { dimension: 9, steepness: 1, spread: 0, 'initial-scale': 0.5 } },
  { family: 'logistic', options: {} },
  { family: 'logistic', options: { dimension: 3, examples: 7, lambda: 0.1, 'initial-scale': 30 } },
  { family: 'logistic', options: { dimension: 1, examples: 2, lambda: 0 } },
  // one key for each component, as a test below makes sure
  { family: 'mix', options: MIXED, key: [2, 0] },
  { family: 'mix', options: MIXED, key: [1, 0] },
];

function assertSameBits(
  actual: Float32Array | Float64Array,
  expected: Float32Array | Float64Array,
  what: string,
): void {
  const bytes = (a: Float32Array | Float64Array) => Buffer.from(a.buffer, a.byteOffset, a.byteLength);
  assert.ok(bytes(actual).equals(bytes(expected)), `${what} differs`);
}

before(async () => {
  await tf.setBackend('cpu');
});

for (const drawn of cases) {
  describe(`${drawn.family} ${JSON.stringify(drawn.options)}${drawn.key ? `, key ${drawn.key}` : ''}`, () => {
    test('createGradient() agrees with loss() and its gradient on tensors within 1e-5', async () => {
      const one = await drawCase(drawn, 3);
      const { problems, theta, batch, coordinates: d } = one;
      const { gradient, losses } = closedForm(one, 4);
      const tensors = tf.memory().numTensors;
      const x = tf.tensor2d(theta, [3, d]);
      const values = problems.loss(tf, x, batch, 4);
      const slopes = tf.grad((y) => tf.sum(problems.loss(tf, y as tf.Tensor2D, batch, 4)))(x);
      assert.equal(tf.memory().numTensors, tensors + 3, 'loss() leaves only its result');
      const [expectedLosses, expected] = [values.dataSync(), slopes.dataSync() as Float32Array];
      tf.dispose([x, values, slopes]);
      for (let p = 0; p < 3; p++) {
        assert.ok(Math.abs(losses[p]! - expectedLosses[p]!) <= 1e-5 * Math.abs(expectedLosses[p]!) + 1e-7);
        const [a, b] = [row(gradient, p, d), row(expected, p, d)];
        assert.ok(norm(a.map((value, j) => value - b[j]!)) <= 1e-5 * norm(b), `gradient of problem ${p}`);
      }
    });

    test('createGradient() agrees with finite differences of a float64 loss within 3e-6 of the norm', async () => {
      const one = await drawCase(drawn, 2);
      const d = one.coordinates;
      const { gradient, losses } = closedForm(one, 3);
      const loss = referenceLoss(drawn.family, one.options);
      for (let p = 0; p < 2; p++) {
        const theta = Float64Array.from(row(one.theta, p, d));
        const slopes = row(gradient, p, d);
        const value = loss(theta, one.batch, 3, p);
        assert.ok(Math.abs(losses[p]! - value) <= 1e-6 * Math.abs(value), `loss of problem ${p}`);
        const scale = norm(slopes);
        // every coordinate of a small problem; of a large one a sample, and the last layers whole
        for (let j = 0; j < d; j += j < d - 60 ? Math.ceil(d / 150) : 1) {
          const h = 1e-5;
          const at = theta[j]!;
          theta[j] = at + h;
          const above = loss(theta, one.batch, 3, p);
          theta[j] = at - h;
          const difference = (above - loss(theta, one.batch, 3, p)) / (2 * h);
          theta[j] = at;
          const error = Math.abs(slopes[j]! - difference);
          assert.ok(error <= 3e-6 * scale, `problem ${p}, coordinate ${j}: ${slopes[j]} for ${difference}`);
        }
      }
    });

    test('draw() and createGradient() give a problem the same bits whatever their number', async () => {
      const many = await drawCase(drawn, 3);
      const d = many.coordinates;
      const all = closedForm(many, 2);
      for (const count of [1, 2]) {
        const few = await drawCase(drawn, count);
        const { gradient, losses } = closedForm(few, 2);
        assertSameBits(few.theta, many.theta.subarray(0, count * d), 'θ_0');
        assertSameBits(few.batch.data, many.batch.data.subarray(0, few.batch.data.length), 'data');
        assertSameBits(gradient, all.gradient.subarray(0, count * d), 'the gradient');
        assertSameBits(losses, all.losses.subarray(0, count), 'the loss');
      }
    });

    test('createGradient() shows what is not finite in its own problem and nowhere else', async () => {
      const healthy = await drawCase(drawn, 3);
      const d = healthy.coordinates;
      const gradientOf = healthy.problems.createGradient!();
      const expected = closedForm(healthy, 1, gradientOf);
      for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
        for (const coordinate of new Set([0, d >> 1, d - 1])) {
          const theta = healthy.theta.slice();
          theta[d + coordinate] = value;
          const { gradient, losses } = closedForm({ ...healthy, theta }, 1, gradientOf);
          const own = row(gradient, 1, d);
          assert.ok(!Number.isFinite(losses[1]) || !own.every(Number.isFinite), `${value} at ${coordinate} is hidden`);
          for (const p of [0, 2]) {
            assertSameBits(row(gradient, p, d), row(expected.gradient, p, d), `the gradient of problem ${p}`);
            assert.equal(losses[p], expected.losses[p]);
          }
        }
      }
      assertSameBits(closedForm(healthy, 1, gradientOf).gradient, expected.gradient, 'the gradient after it');
    });

    test('draw() is a function of the key', async () => {
      const one = await drawCase(drawn, 2);
      const draws = ([KEY, KEY, [1, 2]] as Key[]).map((k) => one.problems.draw(k, 2, 'train'));
      const [first, again, other] = draws.map(({ theta, data }) => [...theta, ...data]);
      assert.deepEqual(first, again);
      assert.notDeepEqual(first, other);
      const d = one.coordinates;
      assert.notDeepEqual(row(one.theta, 0, d), row(one.theta, 1, d));
    });
  });
}

test('every family is among the cases, and the mix with each of its components', async () => {
  assert.deepEqual(new Set(cases.map(({ family }) => family)), new Set(FAMILIES.keys()));
  const mixed = await Promise.all(cases.filter(({ family }) => family === 'mix').map((one) => drawCase(one, 1)));
  assert.deepEqual(
    mixed.map(({ coordinates }) => coordinates),
    [6, 4],
  );
});

test('quadratic draws W and y from the distribution named, and θ_0 with the scale named', async () => {
  const normal = await drawCase({ family: 'quadratic', options: {} }, 200);
  assert.ok(normal.theta.every((x) => x === 0));
  const [mean, deviation] = moments(normal.batch.data);
  assert.ok(Math.abs(mean) < 0.03 && Math.abs(deviation - 1) < 0.03, `N(0, 1): ${mean}, ${deviation}`);
  const options = { distribution: 'uniform', 'initial-scale': 0.01 };
  const uniform = await drawCase({ family: 'quadratic', options }, 200);
  const [middle, spread] = moments(uniform.batch.data);
  assert.ok(uniform.batch.data.every((x) => x >= 0 && x < 1));
  assert.ok(Math.abs(middle - 0.5) < 0.01 && Math.abs(spread - Math.sqrt(1 / 12)) < 0.01);
  const [, scale] = moments(uniform.theta);
  assert.ok(Math.abs(scale - 0.01) < 0.0005, `θ_0: ${scale}`);
});

test('quadratic by hand: W = [1 2; 3 4], y = (5, 6), θ = (1, −1) has f = 85 and ∇f = (−54, −80)', async () => {
  const problems = await familyNamed('quadratic').configure(optionValues(familyNamed('quadratic'), { dimension: 2 }));
  const batch: Batch = { count: 1, data: Float32Array.of(1, 2, 3, 4, 5, 6), key: KEY, split: 'train' };
  const { gradient, losses } = closedForm({ problems, options: {}, theta: Float32Array.of(1, -1), batch }, 0);
  assert.deepEqual([losses[0], ...gradient], [85, -54, -80]);
});

test('mlp at θ = 0 has the loss ln 10, and another minibatch at every step and in every problem', async () => {
  const zero = await drawCase({ family: 'mlp', options: { 'initial-scale': 0 } }, 2);
  const { losses, gradient } = closedForm(zero, 0);
  assert.ok(Math.abs(losses[0]! - Math.LN10) < 1e-7, `${losses[0]}`);
  const d = zero.coordinates;
  assert.equal(d, 784 * 20 + 20 + 20 * 10 + 10);
  assert.notDeepEqual(row(gradient, 0, d), row(gradient, 1, d));
  assert.notDeepEqual(gradient, closedForm(zero, 1).gradient);
});
