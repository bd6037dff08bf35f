import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compare, gridRate, type ScoresAndCurve, tuneLearningRate } from '../../coordinator/comparison.js';
import type { Curve } from '../../coordinator/curve.js';
import type { Scores } from '../../coordinator/evaluation.js';

function scores(sum: number | null, final: number | null, divergenceRate = 0): Scores {
  const statistics = (mean: number | null) => ({ mean, standardError: 0, median: mean });
  return { sum: statistics(sum), final: statistics(final), divergenceRate };
}

/** A curve that tells which measurement it belongs to. */
function curveNamed(value: number): Curve {
  return { steps: [0], mean: [value], median: [value], lowerQuartile: [value], upperQuartile: [value] };
}

function withCurve(measured: Scores, value: number): ScoresAndCurve {
  return { ...measured, curve: curveNamed(value) };
}

/** Squared distance in thirds of a decade from a point of the grid. */
function bowl(rate: number, point: number): number {
  return (Math.round(3 * Math.log10(rate)) - point) ** 2;
}

/** Tunes, and tells which rates were measured. */
async function tune(of: (rate: number) => Scores) {
  const measured: number[] = [];
  const rates = await tuneLearningRate(async (rate) => {
    measured.push(rate);
    return of(rate);
  });
  return { rates, measured };
}

describe('gridRate()', () => {
  it('gives three rates a decade, in three digits', () => {
    assert.deepEqual(
      [-9, -8, -7, -6, -1, 0, 1, 2, 3].map(gridRate),
      [0.001, 0.00215, 0.00464, 0.01, 0.464, 1, 2.15, 4.64, 10],
    );
  });
});

describe('tuneLearningRate()', () => {
  it('finds the best rate within the grid, for each criterion by itself', async () => {
    const { rates, measured } = await tune((rate) => scores(bowl(rate, -3), bowl(rate, -7)));
    assert.deepEqual(rates, { sum: gridRate(-3), final: gridRate(-7) });
    assert.deepEqual(measured, [-9, -8, -7, -6, -5, -4, -3, -2, -1, 0].map(gridRate));
  });

  it('grows the grid at an edge for as long as a best one lies there', async () => {
    const low = await tune((rate) => scores(bowl(rate, -12), bowl(rate, -4)));
    assert.deepEqual(low.rates, { sum: gridRate(-12), final: gridRate(-4) });
    assert.deepEqual(low.measured.slice(10), [-10, -11, -12, -13].map(gridRate));
    const high = await tune((rate) => scores(bowl(rate, -4), bowl(rate, 2)));
    assert.deepEqual(high.rates, { sum: gridRate(-4), final: gridRate(2) });
    assert.deepEqual(high.measured.slice(10), [1, 2, 3].map(gridRate));
    const both = await tune((rate) => scores(bowl(rate, -10), bowl(rate, 1)));
    assert.deepEqual(both.rates, { sum: gridRate(-10), final: gridRate(1) });
    assert.deepEqual(
      both.measured.slice(10).sort((a, b) => a - b),
      [-11, -10, 1, 2].map(gridRate),
    );
  });

  it('stops after 12 more rates', async () => {
    const { rates, measured } = await tune((rate) => scores(rate, 1 / rate));
    assert.equal(measured.length, 22);
    assert.equal(new Set(measured).size, 22);
    assert.equal(rates.sum, Math.min(...measured));
    const up = await tune((rate) => scores(1 / rate, 1 / rate));
    assert.deepEqual(up.rates, { sum: gridRate(12), final: gridRate(12) });
  });

  it('disqualifies a rate whose mean is not finite', async () => {
    const { rates } = await tune((rate) =>
      scores(rate > 0.05 ? null : bowl(rate, 0), rate < 0.05 ? null : bowl(rate, -9)),
    );
    // the best of 0.001 … 0.0464, and of 0.1 … 1
    assert.deepEqual(rates, { sum: gridRate(-4), final: gridRate(-3) });
  });

  it('gives null where no rate has a finite mean', async () => {
    const { rates, measured } = await tune((rate) => scores(null, bowl(rate, -5)));
    assert.deepEqual(rates, { sum: null, final: gridRate(-5) });
    assert.equal(measured.length, 22);
  });

  it('takes the lower of two equal rates', async () => {
    const { rates } = await tune((rate) => scores(Math.abs(bowl(rate, -4) - 1), bowl(rate, -5)));
    assert.equal(rates.sum, gridRate(-5));
  });
});

describe('compare()', () => {
  it('measures each optimizer on fresh functions at its own rates, the learned one first', async () => {
    const fresh: string[] = [];
    const told: string[] = [];
    const rows = await compare(
      ['one', 'two', 'never'],
      {
        learned: async () => withCurve(scores(7, 8, 0.25), 9),
        tune: async (name, rate) => {
          if (name === 'never') return scores(null, null);
          return scores(bowl(rate, -3), bowl(rate, name === 'one' ? -3 : -6));
        },
        fresh: async (name, rate) => {
          fresh.push(`${name} ${rate}`);
          return withCurve(scores(rate, 2 * rate, rate / 2), rate);
        },
      },
      ({ name }) => told.push(name),
    );
    const statistics = (mean: number | null) => ({ mean, standardError: 0, median: mean });
    const none = { mean: null, standardError: null, median: null, learningRate: null };
    assert.deepEqual(rows, [
      {
        name: 'learned',
        sum: { ...statistics(7), learningRate: null },
        final: { ...statistics(8), learningRate: null },
        divergenceRate: 0.25,
        curve: curveNamed(9),
      },
      {
        name: 'one',
        sum: { ...statistics(0.1), learningRate: 0.1 },
        final: { ...statistics(0.2), learningRate: 0.1 },
        divergenceRate: 0.05,
        curve: curveNamed(0.1),
      },
      {
        name: 'two',
        sum: { ...statistics(0.1), learningRate: 0.1 },
        final: { ...statistics(0.02), learningRate: 0.01 },
        divergenceRate: 0.005,
        // at the rate for `final`, not at the one for `sum`
        curve: curveNamed(0.01),
      },
      { name: 'never', sum: none, final: none, divergenceRate: 1, curve: null },
    ]);
    assert.deepEqual(fresh, ['one 0.1', 'two 0.1', 'two 0.01']);
    assert.deepEqual(told, ['learned', 'one', 'two', 'never']);
  });
});
