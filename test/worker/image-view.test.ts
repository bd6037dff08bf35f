/** Episodes that see images with other labels, or inverted. */
import assert from 'node:assert/strict';
import { before, describe, it, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { deriveKey, type Key } from '../../shared/random.js';
import { createTensorHessian } from '../../worker/problems/derivatives/hessian.js';
import { createTensorGradient } from '../../worker/problems/derivatives/tensor-gradient.js';
import { loadImages } from '../../worker/problems/images/load.js';
import { gatherMinibatches } from '../../worker/problems/images/minibatch.js';
import { viewsOf } from '../../worker/problems/images/view.js';
import { difference, direction, drawCase, gradientAt, productAt } from '../fixtures/drawn-problems.js';

const CLASSES = { classes: 5 };

function episodeKeys(count: number): Key[] {
  return Array.from({ length: count }, (_, i) =>
    deriveKey({ seed: 0, member: 0, shard: i % 13, episode: Math.floor(i / 13), purpose: 'train' }),
  );
}

before(async () => {
  await tf.setBackend('cpu');
});

describe('viewsOf()', () => {
  it('leaves images as they are unless options say otherwise', () => {
    const viewOf = viewsOf(CLASSES, {});
    for (const key of episodeKeys(100))
      assert.deepEqual(viewOf(key), { labels: Uint8Array.of(0, 1, 2, 3, 4), inverted: false });
  });

  it('permutes the labels: each permutation as often as any other, the same for the same key', () => {
    const viewOf = viewsOf(CLASSES, { 'permute-labels': 'true' });
    const again = viewsOf(CLASSES, { 'permute-labels': 'true' });
    const counts = new Map<string, number>();
    const draws = 24_000;
    for (const key of episodeKeys(draws)) {
      const { labels, inverted } = viewOf(key);
      assert.equal(inverted, false);
      assert.deepEqual(again([...key]).labels, labels);
      const name = labels.join('');
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    assert.deepEqual(new Set([...counts.keys()].map((name) => [...name].sort().join(''))), new Set(['01234']));
    assert.equal(counts.size, 120);
    // χ² with 119 degrees of freedom is below 173.6 in 999 of 1000 cases
    const expected = draws / 120;
    const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    assert.ok(chiSquare < 173.6, `${chiSquare}`);
  });

  it('inverts the share of the episodes', () => {
    const keys = episodeKeys(10_000);
    for (const share of [0, 0.25, 1]) {
      const viewOf = viewsOf(CLASSES, { 'invert-share': share });
      const found = keys.filter((key) => viewOf(key).inverted).length / keys.length;
      assert.ok(share % 1 === 0 ? found === share : Math.abs(found - share) < 0.015, `${found}`);
    }
  });
});

test('gatherMinibatches() gives an episode’s images with its labels, and inverted', () => {
  const images = loadImages(undefined, 8);
  const viewOf = viewsOf(images, { 'permute-labels': 'true', 'invert-share': 0.5 });
  const met = new Set<boolean>();
  for (const key of episodeKeys(12)) {
    const batch = { count: 2, data: new Float32Array(0), key, split: 'held-out' } as const;
    const [plain, seen] = [gatherMinibatches(images, batch, 3, 20), gatherMinibatches(images, batch, 3, 20, viewOf)];
    const { labels, inverted } = viewOf(key);
    met.add(inverted);
    assert.deepEqual(
      seen.labels,
      plain.labels.map((label) => labels[label]!),
    );
    const expected = inverted ? plain.pixels.map((value) => (255 - Math.round(255 * value)) / 255) : plain.pixels;
    assert.ok(Buffer.from(seen.pixels.buffer).equals(Buffer.from(expected.buffer)));
  }
  assert.equal(met.size, 2);
});

const SEEN = { size: 6, 'invert-share': 1 };
const CASES: readonly (readonly [family: string, options: Record<string, unknown>])[] = [
  ['mlp', { hidden: 5, activation: 'tanh', 'initial-scale': 0.4, 'permute-labels': true }],
  ['conv', { filters: 3, batch: 9, 'permute-labels': true }],
  ['autoencoder', { hidden: 4, activation: 'tanh' }],
];

for (const [family, given] of CASES) {
  const options = { batch: 70, ...given, ...SEEN };
  test(`the closed forms of ${family} see what its loss sees`, async () => {
    const drawn = await drawCase({ family, options }, 2);
    const plain = await drawCase({ family, options: { ...options, 'invert-share': 0 } }, 2);
    const [closed, other] = [gradientAt(drawn, 2), gradientAt(plain, 2)];
    const expected = gradientAt({ ...drawn, gradientOf: createTensorGradient(tf, drawn.problems) }, 2);
    assert.ok(difference(closed.gradient, expected.gradient) < 1e-5);
    assert.ok(difference(other.gradient, expected.gradient) > 0.05);
    const v = direction(drawn, 1);
    const product = productAt(drawn, v, 2);
    assert.ok(difference(product, productAt(drawn, v, 2, createTensorHessian(tf, drawn.problems))) < 1e-5);
  });
}
