/** The closed H·v of dense networks, whole vectors of it, against a plain gradient in float64. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { type Drawn, difference, direction, drawCase, gradientAt, productAt } from '../fixtures/drawn-problems.js';
import { mnistFiles, writeFiles } from '../fixtures/image-folders.js';
import { denseGradient } from './dense-reference.js';

const STEP = 3;
/** One to three layers, with widths below, at and above vectors of 4 and groups of 20 columns. */
const HIDDEN = [[], [1], [7], [26], [5, 12], [20, 3]];
/** Below, at and above the images that go through the network together, and no multiple of them. */
const BATCHES = [5, 64, 70, 131];
const OBJECTIVES = [
  { family: 'mlp', options: { 'initial-scale': 0.4 } },
  { family: 'autoencoder', options: { 'initial-scale': 2, loss: 'squared-error' } },
  { family: 'autoencoder', options: { 'initial-scale': 2, loss: 'cross-entropy' } },
];

const folders = mkdtempSync(join(tmpdir(), 'lopt-test-'));
after(() => rmSync(folders, { recursive: true, force: true }));
const IMAGES = [
  [9, 7],
  [4, 5],
].map(([height, width]) => {
  const folder = join(folders, `${height}-${width}`);
  mkdirSync(folder);
  return writeFiles(folder, mnistFiles({ training: 60, test: 10, height: height!, width: width!, classes: 5 }));
});

/** Networks of every depth and activation with this loss; the folders and the batches take turns. */
async function* networks({
  family,
  options,
}: (typeof OBJECTIVES)[number]): AsyncGenerator<[title: string, drawn: Drawn]> {
  let turn = 0;
  for (const hidden of HIDDEN) {
    for (const activation of ['sigmoid', 'tanh', 'relu']) {
      // without hidden layers there is no activation
      if (hidden.length === 0 && activation !== 'sigmoid') continue;
      const [batch, folder] = [BATCHES[turn % BATCHES.length]!, IMAGES[turn % IMAGES.length]!];
      turn += 1;
      const drawn = await drawCase({ family, options: { ...options, hidden, activation, batch, folder } }, 1);
      yield [`hidden ${hidden}, ${activation}, batch ${batch}`, drawn];
    }
  }
}

/** (∇f(θ + h·v) − ∇f(θ − h·v)) / 2h of the float64 reference. */
function differenceOfGradients({ options, batch, theta }: Drawn, v: Float32Array, h: number): Float64Array {
  const at = (step: number) =>
    denseGradient(
      options,
      batch,
      STEP,
      Float64Array.from(theta, (x, i) => x + step * v[i]!),
    );
  const [above, below] = [at(h), at(-h)];
  return above.map((x, i) => (x - below[i]!) / (2 * h));
}

for (const objective of OBJECTIVES) {
  describe(`${objective.family} ${JSON.stringify(objective.options)}`, () => {
    test('H·v agrees with differences of a plain float64 gradient within 2e-6', async () => {
      for await (const [title, drawn] of networks(objective)) {
        const plain = Float32Array.from(
          denseGradient(drawn.options, drawn.batch, STEP, Float64Array.from(drawn.theta)),
        );
        assert.ok(difference(gradientAt(drawn, STEP).gradient, plain) <= 2e-6, `the gradient itself: ${title}`);
        const v = direction(drawn, 1);
        const product = productAt(drawn, v, STEP);
        // a step may meet a kink of relu
        const errors = [1e-5, 1e-6, 1e-7].map((h) =>
          difference(product, Float32Array.from(differenceOfGradients(drawn, v, h))),
        );
        assert.ok(Math.min(...errors) <= 2e-6, `${title}: ${errors}`);
      }
    });

    test('H·v is linear in v, to the bit for multiples by a power of 2', async () => {
      for await (const [title, drawn] of networks(objective)) {
        const [u, v] = [direction(drawn, 1), direction(drawn, 2)];
        const [hu, hv] = [productAt(drawn, u, STEP), productAt(drawn, v, STEP)];
        const scaled = productAt(
          drawn,
          u.map((x) => -4 * x),
          STEP,
        );
        // adding 0 makes −0 and 0 the same
        const bits = (values: Float32Array, factor: number) => values.map((x) => factor * x + 0);
        assert.deepEqual(bits(scaled, 1), bits(hu, -4), title);
        const sum = u.map((x, i) => x + v[i]!);
        const error = difference(
          productAt(drawn, sum, STEP),
          hu.map((x, i) => x + hv[i]!),
        );
        assert.ok(error <= 2e-6, `${title}: ${error}`);
        assert.ok(productAt(drawn, new Float32Array(u.length), STEP).every((x) => x === 0));
      }
    });
  });
}

test('H·v takes the minibatch of its step, key and split', async () => {
  const options = { hidden: [7], batch: 9, 'initial-scale': 0.4, folder: IMAGES[0]! };
  const drawn = await drawCase({ family: 'mlp', options }, 1);
  const v = direction(drawn, 1);
  const here = productAt(drawn, v, STEP);
  assert.deepEqual(productAt(drawn, v, STEP), here);
  assert.notDeepEqual(productAt(drawn, v, STEP + 1), here);
  for (const change of [{ key: [1, 2] as const }, { split: 'test' as const }]) {
    const other = { ...drawn, batch: { ...drawn.batch, ...change } };
    const product = productAt(other, v, STEP);
    assert.notDeepEqual(product, here);
    const expected = Float32Array.from(differenceOfGradients(other, v, 1e-6));
    assert.ok(difference(product, expected) <= 2e-6);
  }
});
