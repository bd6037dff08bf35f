import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { createTensorHessian } from '../../worker/problems/derivatives/hessian.js';
import { createTensorGradient } from '../../worker/problems/derivatives/tensor-gradient.js';
import type { Gradient } from '../../worker/problems/problem.js';
import {
  type Drawn,
  difference,
  direction,
  dot,
  drawCase,
  gradientAt,
  norm,
  productAt,
  row,
} from '../fixtures/drawn-problems.js';
import { cifarFiles, mnistFiles, writeFiles } from '../fixtures/image-folders.js';
import { curvatureErrors, referenceLoss } from './reference-losses.js';

const STEP = 3;
const KERNELS = [1, 2, 3, 5];
/** Numbers of filters below, at and above a whole vector, and more than two vectors. */
const FILTERS = [[], [3], [9, 4], [2, 5, 3]];

const folders = mkdtempSync(join(tmpdir(), 'lopt-test-'));
after(() => rmSync(folders, { recursive: true, force: true }));

function folderOf(name: string, files: ReadonlyMap<string, Buffer>): string {
  mkdirSync(join(folders, name));
  return writeFiles(join(folders, name), files);
}

/** Sides that are odd, even, and down to a single pixel; and three channels. */
const SIZES: readonly (readonly [height: number, width: number])[] = [
  [9, 7],
  [8, 5],
  [6, 12],
  [1, 2],
];
const IMAGES: readonly (readonly [string, string])[] = [
  ...SIZES.map(([height, width]) => {
    const files = mnistFiles({ training: 40, test: 10, height, width, classes: 5 });
    return [`${height} × ${width}`, folderOf(`${height}-${width}`, files)] as const;
  }),
  ['32 × 32 × 3', folderOf('colour', cifarFiles(4))],
];

before(async () => {
  await tf.setBackend('cpu');
});

/** Networks of every depth and kernel on some images; five images, so that groups of four have a remainder. */
async function* networks(folder: string, count: number): AsyncGenerator<[title: string, drawn: Drawn]> {
  for (const kernel of KERNELS) {
    for (const filters of FILTERS) {
      // the same network for every kernel
      if (filters.length === 0 && kernel > 1) continue;
      const options = { filters, kernel, batch: 5, folder };
      yield [`kernel ${kernel}, filters ${filters}`, await drawCase({ family: 'conv', options }, count)];
    }
  }
}

for (const [size, folder] of IMAGES) {
  describe(`conv on images of ${size}`, () => {
    test('the closed gradient and H·v agree with TensorFlow.js within 1e-5 and 2e-5', async () => {
      for await (const [title, drawn] of networks(folder, 2)) {
        const { problems, theta, batch, coordinates: d } = drawn;
        const closed = gradientAt({ theta, batch, gradientOf: problems.createGradient!() }, STEP);
        const tensors: Gradient = createTensorGradient(tf, problems);
        const expected = gradientAt({ theta, batch, gradientOf: tensors }, STEP);
        const v = direction(drawn, 1);
        const product = productAt(drawn, v, STEP);
        const expectedProduct = productAt(drawn, v, STEP, createTensorHessian(tf, problems));
        for (let p = 0; p < 2; p++) {
          const losses = [closed.losses[p]!, expected.losses[p]!] as const;
          assert.ok(Math.abs(losses[0] - losses[1]) <= 1e-5 * losses[1], `${title}: ${losses}`);
          const error = difference(row(closed.gradient, p, d), row(expected.gradient, p, d));
          assert.ok(error <= 1e-5, `the gradient of ${title}: ${error}`);
          const productError = difference(row(product, p, d), row(expectedProduct, p, d));
          assert.ok(productError <= 2e-5, `H·v of ${title}: ${productError}`);
        }
      }
    });

    test('<u, H·v> is <v, H·u>', async () => {
      for await (const [title, drawn] of networks(folder, 1)) {
        const [u, v] = [direction(drawn, 1), direction(drawn, 2)];
        const [hu, hv] = [productAt(drawn, u, STEP), productAt(drawn, v, STEP)];
        const error = Math.abs(dot(u, hv) - dot(v, hu)) / (norm(u) * norm(hv));
        assert.ok(error <= 1e-6, `${title}: ${error}`);
      }
    });

    test('every problem has the bits that it has alone', async () => {
      for await (const [title, many] of networks(folder, 3)) {
        const d = many.coordinates;
        const v = direction(many, 1);
        const all = { ...gradientAt(many, STEP), product: productAt(many, v, STEP) };
        const { theta, batch } = many;
        // of problems drawn together only the first can be drawn alone; NaN in the others must leave it as it is
        const spoilt = { ...many, theta: theta.slice().fill(Number.NaN, d) };
        const alone = { ...many, theta: theta.subarray(0, d), batch: { ...batch, count: 1 } };
        for (const drawn of [spoilt, alone]) {
          const { gradient, losses } = gradientAt(drawn, STEP);
          const product = productAt(drawn, v.subarray(0, drawn.theta.length), STEP);
          assert.deepEqual(row(gradient, 0, d), row(all.gradient, 0, d), title);
          assert.equal(losses[0], all.losses[0], title);
          assert.deepEqual(row(product, 0, d), row(all.product, 0, d), title);
          for (let p = 1; p < drawn.batch.count; p++) assert.ok(Number.isNaN(losses[p]), title);
        }
      }
    });
  });
}

for (const [size, folder] of IMAGES.slice(0, SIZES.length)) {
  test(`the closed gradient of conv agrees with differences of a plain float64 loss: ${size}`, async () => {
    for await (const [title, drawn] of networks(folder, 1)) {
      const { gradient } = gradientAt(drawn, STEP);
      const loss = referenceLoss('conv', drawn.options);
      const theta = Float64Array.from(drawn.theta);
      const [h, scale] = [1e-6, norm(gradient)];
      for (let j = 0; j < theta.length; j += 1 + (theta.length >> 7)) {
        const [above, below] = [h, -h].map((e) => loss(theta.with(j, theta[j]! + e), drawn.batch, STEP, 0));
        const slope = (above! - below!) / (2 * h);
        const error = Math.abs(gradient[j]! - slope);
        assert.ok(error <= 3e-6 * scale, `${title}, coordinate ${j}: ${gradient[j]} for ${slope}`);
      }
    }
  });

  test(`the closed H·v of conv agrees with differences of a plain float64 loss: ${size}`, async () => {
    for await (const [title, drawn] of networks(folder, 1)) {
      const loss = referenceLoss('conv', drawn.options);
      const v = direction(drawn, 1);
      const product = productAt(drawn, v, STEP);
      for (const errors of curvatureErrors(drawn, loss, v, product, STEP)) {
        assert.ok(Math.min(...errors) <= 2e-5, `${title}: ${errors}`);
      }
    }
  });
}

test('a θ of conv that is not finite has a loss that is NaN, also if relu hides it', async () => {
  const options = { batch: 5, filters: [3, 2], kernel: 2, folder: IMAGES[0]![1] };
  const drawn = await drawCase({ family: 'conv', options }, 1);
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    for (let j = 0; j < drawn.coordinates; j++) {
      const { losses } = gradientAt({ ...drawn, theta: drawn.theta.with(j, value) }, STEP);
      assert.ok(Number.isNaN(losses[0]), `${value} at ${j}`);
    }
  }
  assert.ok(Number.isFinite(gradientAt(drawn, STEP).losses[0]), 'afterwards');
});

test('the closed gradient of conv adds up parts of a minibatch of more images than go through the network together', async () => {
  const drawn = await drawCase({ family: 'conv', options: { batch: 301, filters: [3], folder: IMAGES[0]![1] } }, 1);
  const expected = gradientAt({ ...drawn, gradientOf: createTensorGradient(tf, drawn.problems) }, STEP);
  const { gradient, losses } = gradientAt(drawn, STEP);
  assert.ok(Math.abs(losses[0]! - expected.losses[0]!) <= 1e-6 * expected.losses[0]!);
  assert.ok(difference(gradient, expected.gradient) <= 1e-5);
  const v = direction(drawn, 1);
  const product = productAt(drawn, v, STEP, createTensorHessian(tf, drawn.problems));
  assert.ok(difference(productAt(drawn, v, STEP), product) <= 2e-5);
});
