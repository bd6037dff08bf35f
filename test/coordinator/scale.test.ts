import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { tickLabel } from '../../coordinator/report/numbers.js';
import { linearScale, type Scale, valueScale } from '../../coordinator/report/scale.js';

const labels = ({ ticks }: Scale) => ticks.map(({ label }) => label);

describe('valueScale()', () => {
  it('marks powers of ten, or digits between them where those are few', () => {
    assert.deepEqual(labels(valueScale([0.0002, 300])), ['0.001', '0.01', '0.1', '1', '10', '100']);
    assert.deepEqual(labels(valueScale([0.9, 110])), ['1', '3', '10', '30', '100']);
    assert.deepEqual(labels(valueScale([0.4, 11])), ['0.5', '1', '2', '5', '10']);
    assert.deepEqual(labels(valueScale([0.3, 2.4])), ['0.3', '0.4', '0.5', '0.7', '1', '1.5', '2']);
    assert.deepEqual(labels(valueScale([1e-9, 1])), ['1e-9', '1e-7', '1e-5', '0.001', '0.1']);
  });

  it('marks even steps where all values are close together', () => {
    // from 10^(log10 2.30 − 0.02) = 2.197 to 10^(log10 2.32 + 0.02) = 2.429
    assert.deepEqual(labels(valueScale([2.3, 2.32])), ['2.2', '2.25', '2.3', '2.35', '2.4']);
    assert.ok(labels(valueScale([5])).length >= 2);
  });

  it('places values by their logarithm, with every tick and every value on the axis', () => {
    const { kind, min, max, ticks, place } = valueScale([0.01, 5, 100]);
    assert.equal(kind, 'log');
    assert.ok(min < -2 && min > -2.5 && max > 2 && max < 2.5);
    assert.deepEqual([place(1), place(100)], [0, 2]);
    assert.ok(ticks.every(({ at }) => at >= min && at <= max));
  });

  it('places zero at the lower end of a logarithmic axis', () => {
    const { kind, min, place } = valueScale([0, 1, 100]);
    assert.equal(kind, 'log');
    assert.ok(min > -0.5 && min < 0);
    assert.equal(place(0), min);
  });

  it('is linear where a value is negative, or none is positive', () => {
    const mixed = valueScale([-2, 3]);
    assert.equal(mixed.kind, 'linear');
    assert.deepEqual(labels(mixed), ['-2', '-1', '0', '1', '2', '3']);
    assert.equal(mixed.place(-2), -2);
    assert.equal(valueScale([0, 0]).kind, 'linear');
    assert.equal(valueScale([]).kind, 'linear');
  });

  it('leaves out what is not finite, what is above the cap, and what is ten decades down', () => {
    const { max } = valueScale([1, Number.POSITIVE_INFINITY, Number.NaN, 10]);
    assert.ok(max < 1.1);
    assert.ok(valueScale([1, 1e30], 100).max < 2.2);
    const deep = valueScale([1e-300, 1]);
    assert.ok(deep.min > -11 && deep.min < -10);
  });
});

describe('linearScale()', () => {
  it('begins and ends exactly where it is told to, as an axis of rounds', () => {
    const scale = linearScale(0, 2270, true);
    assert.deepEqual([scale.min, scale.max], [0, 2270]);
    assert.deepEqual(labels(scale), ['0', '500', '1000', '1500', '2000']);
    assert.deepEqual(labels(linearScale(0, 25_000, true)), ['0', '5000', '10K', '15K', '20K', '25K']);
  });

  it('has an extent where there is but one value', () => {
    const { min, max } = linearScale(3, 3);
    assert.ok(min < 3 && max > 3);
  });
});

describe('tickLabel()', () => {
  it('writes all digits, without the dust of binary fractions', () => {
    assert.deepEqual([0.1 + 0.2, 1e-4, 2e-5, 12_500, 3e6, 1e9, -2, 0].map(tickLabel), [
      '0.3',
      '0.0001',
      '2e-5',
      '12.5K',
      '3M',
      '1e9',
      '-2',
      '0',
    ]);
  });
});
