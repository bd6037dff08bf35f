import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { createTensorHessian } from '../../worker/problems/derivatives/hessian.js';
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
/** Widths below, at and above a whole vector, and more than the 20 columns that are computed at a time. */
const HIDDEN = [[], [3], [9, 4], [2, 25, 5]];
const ACTIVATIONS = ['sigmoid', 'tanh', 'relu'];
/** Fewer images than go through the network together (64), as many, and two parts of which the second is short. */
const BATCHES = [5, 64, 70];

const folders = mkdtempSync(join(tmpdir(), 'lopt-test-'));
after(() => rmSync(folders, { recursive: true, force: true }));

function folderOf(name: string, files: ReadonlyMap<string, Buffer>): string {
  mkdirSync(join(folders, name));
  return writeFiles(join(folders, name), files);
}

const SMALL = folderOf('small', mnistFiles({ training: 40, test: 10, height: 9, width: 7, classes: 5 }));
const COLOUR = folderOf('colour', cifarFiles(4));

before(async () => {
  await tf.setBackend('cpu');
});

/** The families, with every loss. */
const LOSSES: readonly (readonly [title: string, family: string, options: Record<string, unknown>])[] = [
  ['mlp', 'mlp', { 'initial-scale': 0.4 }],
  ['autoencoder, squared error', 'autoencoder', { loss: 'squared-error', 'initial-scale': 1.5 }],
  ['autoencoder, cross-entropy', 'autoencoder', { loss: 'cross-entropy', 'initial-scale': 1.5 }],
];

/** Networks of every depth and activation. */
async function* networks(
  family: string,
  options: Record<string, unknown>,
  count: number,
): AsyncGenerator<[title: string, drawn: Drawn]> {
  for (const [i, hidden] of HIDDEN.entries()) {
    for (const [j, activation] of ACTIVATIONS.entries()) {
      // the same network for every activation
      if (hidden.length === 0 && j > 0) continue;
      const batch = BATCHES[(i + j) % BATCHES.length]!;
      const given = { folder: SMALL, hidden, activation, batch, ...options };
      yield [`hidden ${hidden}, ${activation}, batch ${batch}`, await drawCase({ family, options: given }, count)];
    }
  }
}

for (const [name, family, options] of LOSSES) {
  describe(`H·v of ${name}`, () => {
    test('agrees with the tensor loss differentiated twice within 1e-5', async () => {
      for await (const [title, drawn] of networks(family, options, 2)) {
        const v = direction(drawn, 1);
        const product = productAt(drawn, v, STEP);
        const expected = productAt(drawn, v, STEP, createTensorHessian(tf, drawn.problems));
        for (let p = 0; p < 2; p++) {
          const error = difference(row(product, p, drawn.coordinates), row(expected, p, drawn.coordinates));
          assert.ok(error <= 1e-5, `${title}: ${error}`);
        }
      }
    });

    test('agrees with differences of a plain float64 loss', async () => {
      for await (const [title, drawn] of networks(family, options, 1)) {
        const loss = referenceLoss(family, drawn.options);
        const v = direction(drawn, 1);
        const product = productAt(drawn, v, STEP);
        for (const errors of curvatureErrors(drawn, loss, v, product, STEP)) {
          assert.ok(Math.min(...errors) <= 2e-5, `${title}: ${errors}`);
        }
      }
    });

    test('is symmetric: <u, H·v> is <v, H·u>', async () => {
      for await (const [title, drawn] of networks(family, options, 1)) {
        const [u, v] = [direction(drawn, 1), direction(drawn, 2)];
        const [hu, hv] = [productAt(drawn, u, STEP), productAt(drawn, v, STEP)];
        const error = Math.abs(dot(u, hv) - dot(v, hu)) / (norm(u) * norm(hv));
        assert.ok(error <= 1e-6, `${title}: ${error}`);
      }
    });

    test('has the bits for every problem that it has alone', async () => {
      for await (const [title, many] of networks(family, options, 3)) {
        const d = many.coordinates;
        const v = direction(many, 1);
        const all = productAt(many, v, STEP);
        // of problems drawn together only the first can be drawn alone; NaN in the others must leave it as it is
        const spoilt = { ...many, theta: many.theta.slice().fill(Number.NaN, d) };
        const alone = { ...many, theta: many.theta.subarray(0, d), batch: { ...many.batch, count: 1 } };
        for (const drawn of [spoilt, alone]) {
          const product = productAt(drawn, v.subarray(0, drawn.theta.length), STEP);
          assert.deepEqual(row(product, 0, d), row(all, 0, d), title);
        }
      }
    });

    test('is the same after a θ and a v that are not finite', async () => {
      const given = { ...options, hidden: [3], activation: 'tanh', batch: 5, folder: SMALL };
      const drawn = await drawCase({ family, options: given }, 1);
      const hessian = drawn.problems.createHessian!();
      const v = direction(drawn, 1);
      const before = productAt(drawn, v, STEP, hessian);
      const bad = drawn.theta.slice().fill(Number.NaN);
      productAt({ ...drawn, theta: bad }, bad, STEP, hessian);
      assert.deepEqual(productAt(drawn, v, STEP, hessian), before);
    });

    test('works on images of three channels', async () => {
      const given = { ...options, hidden: [2], batch: 3, folder: COLOUR, 'initial-scale': 0.05 };
      const drawn = await drawCase({ family, options: given }, 1);
      const v = direction(drawn, 1);
      const expected = productAt(drawn, v, STEP, createTensorHessian(tf, drawn.problems));
      assert.ok(difference(productAt(drawn, v, STEP), expected) <= 1e-5);
    });
  });

  test(`a θ of ${name} that is not finite has a loss that is NaN, also if zeros of the inputs hide it`, async () => {
    const given = { ...options, hidden: [3, 2], activation: 'relu', batch: 5, folder: SMALL };
    const drawn = await drawCase({ family, options: given }, 1);
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      for (let j = 0; j < drawn.coordinates; j++) {
        const { losses } = gradientAt({ ...drawn, theta: drawn.theta.with(j, value) }, STEP);
        assert.ok(Number.isNaN(losses[0]), `${value} at ${j}`);
      }
    }
    assert.ok(Number.isFinite(gradientAt(drawn, STEP).losses[0]), 'afterwards');
  });
}
