import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { curveOf, curveSteps } from '../../coordinator/curve.js';
import { statisticsOf } from '../../coordinator/evaluation.js';
import { ascending, quantile } from '../../coordinator/quantiles.js';
import type { ChunkScores } from '../../shared/messages.js';

const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;

describe('quantile()', () => {
  it('is linear between neighbours, as numpy.quantile is by default', () => {
    // numpy.quantile([1, 2, 4, 8], [0, 0.25, 0.5, 0.75, 1]) = [1, 1.75, 3, 5, 8]
    const values = Float64Array.of(1, 2, 4, 8);
    assert.deepEqual(
      [0, 0.25, 0.5, 0.75, 1].map((share) => quantile(values, share)),
      [1, 1.75, 3, 5, 8],
    );
    // numpy.quantile([3, 5, 10, 20, 50], [0.25, 0.5, 0.9]) = [5, 10, 38]
    const odd = Float64Array.of(3, 5, 10, 20, 50);
    assert.deepEqual(
      [0.25, 0.5, 0.9].map((share) => Number(quantile(odd, share).toFixed(12))),
      [5, 10, 38],
    );
    assert.equal(quantile(Float64Array.of(7), 0.25), 7);
    assert.ok(Number.isNaN(quantile(new Float64Array(0), 0.5)));
  });

  it('reaches infinity only where a neighbour with some weight is infinite', () => {
    const values = ascending(Float64Array.of(nan, 2, 1, infinity, 3));
    assert.deepEqual(values, Float64Array.of(1, 2, 3, infinity, infinity));
    assert.deepEqual(
      [0.5, 0.6, 0.75, 1].map((share) => quantile(values, share)),
      [3, infinity, infinity, infinity],
    );
  });
});

describe('curveSteps()', () => {
  it('takes every step of a short episode, and 201 evenly spaced ones of a long one', () => {
    assert.deepEqual(curveSteps(3), [0, 1, 2, 3]);
    assert.equal(curveSteps(200).length, 201);
    assert.deepEqual(curveSteps(200).slice(0, 3), [0, 1, 2]);
    const long = curveSteps(1000);
    assert.deepEqual(long.slice(0, 3), [0, 5, 10]);
    assert.equal(long.length, 201);
    for (const horizon of [201, 333, 12_345]) {
      const steps = curveSteps(horizon);
      assert.deepEqual([steps[0], steps.at(-1), new Set(steps).size], [0, horizon, 201]);
    }
  });
});

describe('curveOf()', () => {
  /** Losses of functions, [functions][steps]. */
  function chunkOf(chunk: number, functions: number[][]): ChunkScores {
    const steps = functions[0]!.length;
    const row = (t: number) => functions.map((losses) => losses[t]!);
    return {
      chunk,
      initial: Float64Array.from(row(0)),
      sum: Float64Array.from(functions, (losses) => losses.slice(0, -1).reduce((sum, loss) => sum + loss, 0)),
      final: Float64Array.from(row(steps - 1)),
      curve: Float64Array.from(Array.from({ length: steps }, (_, t) => row(t)).flat()),
    };
  }

  const functions = [
    [8, 4, 2],
    [4, 3, nan],
    [2, 2, 1],
    [1, 1, 4],
  ];
  const first = chunkOf(0, functions.slice(0, 1));
  const second = chunkOf(1, functions.slice(1));

  it('gives mean, median and quartiles of every step, whatever chunks hold the functions', () => {
    const expected = {
      steps: [0, 10, 20],
      mean: [15 / 4, 10 / 4, null],
      // a value that is not a number is the worst
      median: [3, 2.5, 3],
      lowerQuartile: [1.75, 1.75, 1.75],
      upperQuartile: [5, 3.25, null],
    };
    assert.deepEqual(curveOf([first, second], [0, 10, 20]), expected);
    assert.deepEqual(curveOf([second, first], [0, 10, 20]), expected);
    assert.deepEqual(curveOf([chunkOf(0, functions)], [0, 10, 20]), expected);
  });

  it('ends at the statistics of the final loss', () => {
    const whole = chunkOf(0, functions.slice(2));
    const curve = curveOf([whole], [0, 1, 2]);
    const { mean, median } = statisticsOf(whole.final);
    assert.deepEqual([curve.mean[2], curve.median[2]], [mean, median]);
  });
});
