import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { allFinite } from '../../shared/finite.js';

describe('allFinite()', () => {
  it('finds a value that is not finite in any place, beside any others', () => {
    const values = Float32Array.of(0, -0, 1, -3.4e38, 3.4e38, 1.4e-45, -1);
    assert.equal(allFinite(values), true);
    assert.equal(allFinite(new Float32Array(0)), true);
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      for (let place = 0; place < values.length; place++) assert.equal(allFinite(values.with(place, bad)), false);
      assert.equal(allFinite(Float32Array.of(bad, bad, -bad)), false);
    }
  });
});
