import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type AdamState,
  chain,
  clipByGlobalNorm,
  globalNorm,
  scaleByAdam,
  scaleByRate,
} from '../../coordinator/outer-optimizer.js';

function assertClose(actual: ArrayLike<number>, expected: readonly number[], tolerance = 1e-14): void {
  assert.equal(actual.length, expected.length);
  expected.forEach((value, i) => {
    assert.ok(Math.abs(actual[i]! - value) <= tolerance * Math.abs(value), `entry ${i}: ${actual[i]}, not ${value}`);
  });
}

describe('clipByGlobalNorm()', () => {
  it('scales a longer gradient down to the norm and leaves others as they are', () => {
    const { update } = clipByGlobalNorm(1);
    assertClose(update(Float64Array.of(3, -4), null, 1).updates, [0.6, -0.8]);
    assert.deepEqual(update(Float64Array.of(0.6, -0.8), null, 1).updates, Float64Array.of(0.6, -0.8));
    assert.deepEqual(update(Float64Array.of(0, 0), null, 1).updates, Float64Array.of(0, 0));
    assertClose(clipByGlobalNorm(10).update(Float64Array.of(30, 0, 40), null, 1).updates, [6, 0, 8]);
  });
});

describe('globalNorm()', () => {
  it('is the Euclidean norm', () => {
    assert.equal(globalNorm(Float64Array.of(2, 3, 6)), 7);
    assert.equal(globalNorm(new Float64Array(0)), 0);
  });
});

describe('scaleByAdam()', () => {
  it('takes the two steps that a derivation by hand gives', () => {
    const adam = scaleByAdam({ beta1: 0.5, beta2: 0.75, epsilon: 0.5 });
    // step 1: m = 0.5·g, v = 0.25·g²; m̂ = m/(1 − 0.5) = g, v̂ = v/(1 − 0.75) = g²: g/(|g| + 0.5)
    const first = adam.update(Float64Array.of(2, -1, 0), adam.init(3), 1);
    assertClose(first.updates, [2 / 2.5, -1 / 1.5, 0]);
    assertClose(first.state.mean, [1, -0.5, 0]);
    assertClose(first.state.square, [1, 0.25, 0]);
    // step 2 with g = (4, 1, 2): m = (2.5, 0.25, 1), v = (4.75, 0.4375, 1); 1 − 0.5² = 3/4, 1 − 0.75² = 7/16
    const second = adam.update(Float64Array.of(4, 1, 2), first.state, 2);
    assertClose(second.state.mean, [2.5, 0.25, 1]);
    assertClose(second.state.square, [4.75, 0.4375, 1]);
    assertClose(second.updates, [
      10 / 3 / (Math.sqrt(76 / 7) + 0.5),
      1 / 3 / (Math.sqrt(1) + 0.5),
      4 / 3 / (Math.sqrt(16 / 7) + 0.5),
    ]);
    assert.deepEqual([second.state.power1, second.state.power2], [0.25, 0.5625]);
  });

  it('writes into the vector that it is given, and not into the state', () => {
    const adam = scaleByAdam({ beta1: 0.9, beta2: 0.999, epsilon: 1e-8 });
    const { state } = adam.update(Float64Array.of(1, 2), adam.init(2), 1);
    const gradient = Float64Array.of(3, -4);
    const before = structuredClone(state);
    assert.equal(adam.update(gradient, state, 2).updates, gradient);
    assert.deepEqual(state, before);
  });
});

describe('scaleByRate()', () => {
  it('descends by the rate of the round', () => {
    const { update } = scaleByRate((round) => 0.5 ** round);
    assert.deepEqual(update(Float64Array.of(8, -4), null, 1).updates, Float64Array.of(-4, 2));
    assert.deepEqual(update(Float64Array.of(8, -4), null, 3).updates, Float64Array.of(-1, 0.5));
  });
});

describe('chain()', () => {
  it('applies one transformation after the other and carries every state', () => {
    const adam = scaleByAdam({ beta1: 0.5, beta2: 0.75, epsilon: 0 });
    const all = chain(
      clipByGlobalNorm(5),
      adam,
      scaleByRate(() => 0.1),
    );
    const first = all.update(Float64Array.of(30, 40), all.init(2), 1);
    // clipped to (3, 4); Adam's first step without ε is the sign
    assertClose(first.updates, [-0.1, -0.1]);
    assertClose(first.state[1].mean, [1.5, 2]);
    const second = all.update(Float64Array.of(0, 0), first.state, 2);
    assertClose(second.state[1].mean, [0.75, 1]);
  });

  it('takes any number of transformations, in their order, and keeps the type of every state', () => {
    const halve = scaleByRate(() => -0.5);
    const none = chain();
    assert.deepEqual(none.update(Float64Array.of(3, -4), none.init(2), 1), {
      updates: Float64Array.of(3, -4),
      state: [],
    });
    // clipped to (0.6, 0.8) and halved, or halved to (1.5, 2) and clipped
    assertClose(chain(clipByGlobalNorm(1), halve).update(Float64Array.of(3, 4), [null, null], 1).updates, [0.3, 0.4]);
    assertClose(chain(halve, clipByGlobalNorm(1)).update(Float64Array.of(3, 4), [null, null], 1).updates, [0.6, 0.8]);
    const four = chain(halve, scaleByAdam({ beta1: 0.5, beta2: 0.75, epsilon: 0 }), halve, halve);
    const { updates, state } = four.update(Float64Array.of(30, -40), four.init(2), 1);
    const moments: AdamState = state[1];
    assertClose(moments.mean, [7.5, -10]);
    // Adam's first step without ε is the sign
    assertClose(updates, [0.25, -0.25]);
  });
});
