import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GradientScale } from '../../coordinator/gradient-scale.js';
import { seededRandom } from '../e2e/harness.js';

/** A part of a sum whose meta-gradient has this norm for each healthy problem. */
function node(level: number, index: number, norm: number, healthy = 4, worker = `w${index}`) {
  const metaGradient = Float32Array.of(0, norm * healthy, 0);
  return { worker, node: { level, index, metaGradient, loss: 1, finalLoss: 1, healthy, problems: healthy } };
}

describe('GradientScale', () => {
  it('farOut() finds what is a hundred times the usual, by the past and the round itself', () => {
    const past = [1, 1.1, 0.9, 1, 1.2];
    const scale = new GradientScale(1, past);
    assert.deepEqual(scale.farOut([node(0, 0, 80)]), []);
    const far = node(0, 0, 120);
    assert.deepEqual(scale.farOut([far]), [far]);
    // without a past, by the others of the round; two are enough
    const lie = node(0, 1, 1e30);
    assert.deepEqual(new GradientScale(2).farOut([node(0, 0, 0.01), lie]), [lie]);
    assert.deepEqual(new GradientScale(2).farOut([lie]), []);
    assert.deepEqual(new GradientScale(2).farOut([]), []);
  });

  it('farOut() stands up to a minority that lies together', () => {
    const honest = Array.from({ length: 5 }, (_, index) => node(0, index, 1 + index / 10));
    const lies = Array.from({ length: 4 }, (_, index) => node(0, 5 + index, 1e9));
    assert.deepEqual(new GradientScale(9).farOut([...lies, ...honest]), lies);
  });

  it('farOut() hears each worker once, however many nodes it sends, and none if the past says enough', () => {
    const honest = [0, 1, 2].map((index) => node(0, index, 1));
    const lies = Array.from({ length: 60 }, (_, index) => node(0, 3 + index, 1e30, 4, 'liar'));
    assert.deepEqual(new GradientScale(63).farOut([...lies, ...honest]), lies);
    const own = Array.from({ length: 64 }, (_, index) => node(0, index, 1e30, 4, `w${index % 2}`));
    assert.equal(new GradientScale(64, Array(8).fill(1)).farOut(own).length, 64);
  });

  it('farOut() is no nearer for gradients that vary by orders of magnitude from round to round', () => {
    const random = seededRandom(1);
    // ln of the norms is uniform over ln 10^6
    const past = Array.from({ length: 32 }, () => 10 ** (6 * random()));
    const scale = new GradientScale(4, past);
    assert.deepEqual(scale.farOut([node(0, 0, 1e7), node(0, 1, 1)]), []);
    assert.equal(scale.farOut([node(0, 0, 1e30)]).length, 1);
  });

  it('takes the sum of few shards to be larger by chance, and zeros for nothing', () => {
    const scale = new GradientScale(400, [1, 1, 1, 1]);
    // one shard of 400: noise alone makes its mean 20 times as large
    assert.deepEqual(scale.farOut([node(0, 0, 1999)]), []);
    assert.equal(scale.farOut([node(0, 0, 2001)]).length, 1);
    const zeros = new GradientScale(1, [0, 0]);
    zeros.remember(node(0, 0, 0, 0).node);
    assert.deepEqual(zeros.farOut([node(0, 0, 5)]), []);
  });

  it('remember() follows a run whose gradients grow', () => {
    const scale = new GradientScale(1, [1, 1, 1, 1]);
    assert.equal(scale.farOut([node(0, 0, 1e4)]).length, 1);
    for (let round = 0; round < 32; round++) scale.remember(node(0, 0, 1e4).node);
    assert.deepEqual(scale.farOut([node(0, 0, 1e4)]), []);
  });
});
