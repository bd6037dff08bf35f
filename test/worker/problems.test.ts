import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { fillNormal, type Key, seedKey } from '../../shared/random.js';
import { hessianVectorProduct } from '../../worker/problems/derivatives/hessian.js';
import { loadImages } from '../../worker/problems/images/load.js';
import { gatherMinibatches } from '../../worker/problems/images/minibatch.js';
import type { Batch } from '../../worker/problems/problem.js';
import { FAMILIES } from '../../worker/problems/registry.js';
import { type Case, drawCase, gradientAt, KEY, moments, norm, row } from '../fixtures/drawn-problems.js';
import { cifarFiles, mnistFiles, writeFiles } from '../fixtures/image-folders.js';
import { referenceLoss } from './reference-losses.js';

const folders = mkdtempSync(join(tmpdir(), 'lopt-test-'));
/** Four digits, cut to 9 × 7 pixels: not a multiple of what a SIMD instruction takes. */
const SMALL = folderOf('small', mnistFiles({ training: 40, test: 10, height: 9, width: 7, classes: 4 }));
/** Three channels. */
const COLOUR = folderOf('colour', cifarFiles(4));

after(() => rmSync(folders, { recursive: true, force: true }));

function folderOf(name: string, files: ReadonlyMap<string, Buffer>): string {
  mkdirSync(join(folders, name));
  return writeFiles(join(folders, name), files);
}

/** A text with characters beyond ASCII. */
const TEXT = join(folders, 'text.txt');
writeFileSync(TEXT, 'Ein Übel kommt selten allein. '.repeat(5));

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
  { family: 'mlp', options: { hidden: [6], batch: 9, 'initial-scale': 0.3, folder: SMALL } },
  { family: 'mlp', options: { hidden: [2], batch: 3, 'initial-scale': 0.03, folder: COLOUR } },
  { family: 'autoencoder', options: { batch: 9 } },
  { family: 'autoencoder', options: { hidden: [3], loss: 'cross-entropy', batch: 5, activation: 'sigmoid' } },
  { family: 'autoencoder', options: { hidden: [9, 4, 9], loss: 'cross-entropy', batch: 70, folder: SMALL } },
  { family: 'autoencoder', options: { hidden: [5, 2], activation: 'tanh', batch: 6, folder: SMALL }, split: 'test' },
  { family: 'autoencoder', options: { hidden: [2], loss: 'cross-entropy', batch: 2, folder: COLOUR } },
  { family: 'conv', options: { batch: 3 } },
  { family: 'conv', options: { filters: [3, 2, 4], kernel: 4, batch: 5, folder: SMALL }, split: 'held-out' },
  { family: 'conv', options: { filters: [2], kernel: 5, batch: 2, folder: COLOUR } },
  { family: 'conv', options: { filters: [], batch: 4, folder: SMALL }, split: 'test' },
  { family: 'language', options: { batch: 3 } },
  { family: 'language', options: { hidden: 5, embedding: 3, context: 7, batch: 4, vocabulary: 9 }, split: 'held-out' },
  { family: 'language', options: { hidden: 1, embedding: 1, context: 1, batch: 2, text: TEXT }, split: 'test' },
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
  const title = `${drawn.family} ${JSON.stringify(drawn.options).replace(folders, '')}`;
  describe(drawn.key ? `${title}, key ${drawn.key}` : title, () => {
    test('gradientOf() agrees with loss() and its gradient on tensors within 1e-5', async () => {
      const one = await drawCase(drawn, 3);
      const { problems, theta, batch, coordinates: d } = one;
      const tensors = tf.memory().numTensors;
      const { gradient, losses } = gradientAt(one, 4);
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

    test('gradientOf() agrees with finite differences of a float64 loss within 3e-6 of the norm', async () => {
      const one = await drawCase(drawn, 2);
      const d = one.coordinates;
      const { gradient, losses } = gradientAt(one, 3);
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

    test('draw() and gradientOf() give a problem the same bits whatever their number', async () => {
      const many = await drawCase(drawn, 3);
      const d = many.coordinates;
      const all = gradientAt(many, 2);
      for (const count of [1, 2]) {
        const few = await drawCase(drawn, count);
        const { gradient, losses } = gradientAt(few, 2);
        assertSameBits(few.theta, many.theta.subarray(0, count * d), 'θ_0');
        assertSameBits(few.batch.data, many.batch.data.subarray(0, few.batch.data.length), 'data');
        assertSameBits(gradient, all.gradient.subarray(0, count * d), 'the gradient');
        assertSameBits(losses, all.losses.subarray(0, count), 'the loss');
      }
    });

    test('gradientOf() shows what is not finite in its own problem and nowhere else', async () => {
      const healthy = await drawCase(drawn, 3);
      const d = healthy.coordinates;
      const expected = gradientAt(healthy, 1);
      for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
        for (const coordinate of new Set([0, d >> 1, d - 1])) {
          const theta = healthy.theta.slice();
          theta[d + coordinate] = value;
          const { gradient, losses } = gradientAt({ ...healthy, theta }, 1);
          const own = row(gradient, 1, d);
          assert.ok(!Number.isFinite(losses[1]) || !own.every(Number.isFinite), `${value} at ${coordinate} is hidden`);
          for (const p of [0, 2]) {
            assertSameBits(row(gradient, p, d), row(expected.gradient, p, d), `the gradient of problem ${p}`);
            assert.equal(losses[p], expected.losses[p]);
          }
        }
      }
      assertSameBits(gradientAt(healthy, 1).gradient, expected.gradient, 'the gradient after it');
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

/** Of one case, where it has a closed form: H·v of every problem, for a v of every problem's own. */
async function productOf(drawn: Case, count: number, spoil?: number) {
  const { problems, theta, batch } = await drawCase(drawn, count);
  const vector = new Float32Array(theta.length);
  const d = theta.length / count;
  for (let p = 0; p < count; p++) fillNormal(seedKey(p), vector.subarray(p * d, (p + 1) * d));
  if (spoil !== undefined) theta.fill(Number.NaN, spoil * d, (spoil + 1) * d);
  const product = new Float32Array(theta.length).fill(7);
  problems.createHessian!()(theta, vector, batch, 4, product);
  return { problems, theta, batch, vector, product, d };
}

describe('createHessian()', () => {
  const closed = ['simple', 'quadratic', 'lasso', 'rastrigin', 'rosenbrock', 'logistic', 'mlp', 'autoencoder', 'conv'];
  for (const drawn of cases.filter(({ family }) => closed.includes(family))) {
    const title = `${drawn.family} ${JSON.stringify(drawn.options).replace(folders, '')}`;
    test(`agrees with the tensor loss differentiated twice: ${title}`, async () => {
      const { problems, theta, batch, vector, product, d } = await productOf(drawn, 3);
      const expected = tf.tidy(() => {
        const [point, direction] = [tf.tensor1d(theta), tf.tensor1d(vector)];
        return hessianVectorProduct(tf, problems, point, direction, batch, 4).dataSync();
      });
      for (let p = 0; p < 3; p++) {
        const [a, b] = [row(product, p, d), row(expected as Float32Array, p, d)];
        assert.ok(norm(a.map((value, j) => value - b[j]!)) <= 2e-5 * norm(b), `problem ${p}: ${a} for ${b}`);
      }
    });

    test(`computes every problem by itself: ${title}`, async () => {
      const many = await productOf(drawn, 3);
      const [few, spoilt] = [await productOf(drawn, 2), await productOf(drawn, 3, 1)];
      assertSameBits(few.product, many.product.subarray(0, 2 * many.d), 'the product of two');
      for (const p of [0, 2]) assertSameBits(row(spoilt.product, p, many.d), row(many.product, p, many.d), 'the other');
    });
  }
});

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
  const one = await drawCase({ family: 'quadratic', options: { dimension: 2 } }, 1);
  const batch: Batch = { count: 1, data: Float32Array.of(1, 2, 3, 4, 5, 6), key: KEY, split: 'train' };
  const { gradient, losses } = gradientAt({ ...one, theta: Float32Array.of(1, -1), batch }, 0);
  assert.deepEqual([losses[0], ...gradient], [85, -54, -80]);
});

test('mlp at θ = 0 has the loss ln 10, and another minibatch at every step and in every problem', async () => {
  const zero = await drawCase({ family: 'mlp', options: { 'initial-scale': 0 } }, 2);
  const { losses, gradient } = gradientAt(zero, 0);
  assert.ok(Math.abs(losses[0]! - Math.LN10) < 1e-7, `${losses[0]}`);
  const d = zero.coordinates;
  assert.equal(d, 784 * 20 + 20 + 20 * 10 + 10);
  assert.notDeepEqual(row(gradient, 0, d), row(gradient, 1, d));
  assert.notDeepEqual(gradient, gradientAt(zero, 1).gradient);
});

test('autoencoder at θ = 0 gives every pixel 1/2', async () => {
  const [squared, entropy] = await Promise.all(
    ['squared-error', 'cross-entropy'].map((loss) =>
      drawCase({ family: 'autoencoder', options: { loss, 'initial-scale': 0 } }, 1),
    ),
  );
  assert.equal(squared!.coordinates, 784 * 8 + 8 + 8 * 784 + 784);
  assert.ok(Math.abs(gradientAt(entropy!, 0).losses[0]! - Math.LN2) < 1e-7);
  const { pixels } = gatherMinibatches(loadImages(), squared!.batch, 0, 128);
  const expected = pixels.reduce((sum, x) => sum + (x - 0.5) ** 2, 0) / pixels.length;
  assert.ok(Math.abs(gradientAt(squared!, 0).losses[0]! - expected) < 1e-7);
});

test('conv halves height and width in every layer, and at θ = 0 has the loss ln 10', async () => {
  const zero = await drawCase({ family: 'conv', options: { 'initial-scale': 0 } }, 2);
  assert.equal(zero.coordinates, 9 * 4 + 4 + 9 * 4 * 8 + 8 + 7 * 7 * 8 * 10 + 10);
  assert.ok(Math.abs(gradientAt(zero, 0).losses[1]! - Math.LN10) < 1e-6);
  const small = await drawCase({ family: 'conv', options: { filters: [5], folder: SMALL } }, 1);
  assert.equal(small.coordinates, 9 * 5 + 5 + 5 * 4 * 5 * 4 + 4);
});

test('autoencoder and conv draw the parameters of a layer with deviation initial-scale/√inputs', async () => {
  const { theta } = await drawCase({ family: 'conv', options: { filters: [64], 'initial-scale': 2 } }, 1);
  const dense = 10 * 64;
  const deviation = (from: number, to: number) => norm(theta.subarray(from, to)) / Math.sqrt(to - from);
  assert.ok(Math.abs(deviation(0, dense) / (2 / 3) - 1) < 0.1);
  assert.ok(Math.abs(deviation(dense, theta.length) / (2 / Math.sqrt(14 * 14 * 64)) - 1) < 0.02);
});
