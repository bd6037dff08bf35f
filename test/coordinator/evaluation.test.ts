import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { chunksOf, heldOutChunks, scoresOf, statisticsOf } from '../../coordinator/evaluation.js';
import { OpenEvaluation } from '../../coordinator/open-evaluation.js';
import type { ChunkScores } from '../../shared/messages.js';
import { runConfig } from '../fixtures/run-config.js';

const { NaN: nan, POSITIVE_INFINITY: infinity, NEGATIVE_INFINITY: minusInfinity } = Number;

function chunk(number: number, functions: [initial: number, sum: number, final: number][]): ChunkScores {
  const column = (index: 0 | 1 | 2) => Float64Array.from(functions, (row) => row[index]);
  return { chunk: number, initial: column(0), sum: column(1), final: column(2) };
}

describe('chunksOf() and heldOutChunks()', () => {
  it('cut functions into chunks of one size, the last one short', () => {
    assert.deepEqual(chunksOf(7, 3), [
      { chunk: 0, count: 3 },
      { chunk: 1, count: 3 },
      { chunk: 2, count: 1 },
    ]);
    assert.deepEqual(chunksOf(4, 4), [{ chunk: 0, count: 4 }]);
    assert.deepEqual(heldOutChunks(runConfig({ evaluateFunctions: 5, problems: 4 })), chunksOf(5, 4));
  });
});

describe('statisticsOf()', () => {
  it('gives mean, standard error and median', () => {
    // mean 5, squares (9, 1, 1, 9) → variance 20/3, error √(20/3/4)
    const { mean, standardError, median } = statisticsOf(Float64Array.of(8, 2, 6, 4));
    assert.equal(mean, 5);
    assert.ok(Math.abs(standardError! - Math.sqrt(5 / 3)) < 1e-15);
    assert.equal(median, 5);
    assert.equal(statisticsOf(Float64Array.of(10, 9, 100)).median, 10);
    assert.deepEqual(statisticsOf(Float64Array.of(3)), { mean: 3, standardError: 0, median: 3 });
  });

  it('sorts as numbers', () => {
    assert.equal(statisticsOf(Float64Array.of(-10, 9, -2, 80, 700)).median, 9);
  });

  it('has null for what is not finite, and counts NaN as the worst in the median', () => {
    const none = { mean: null, standardError: null };
    assert.deepEqual(statisticsOf(Float64Array.of(nan, 1, 2)), { ...none, median: 2 });
    assert.deepEqual(statisticsOf(Float64Array.of(infinity, 1, 2)), { ...none, median: 2 });
    assert.deepEqual(statisticsOf(Float64Array.of(nan, 1, infinity)), { ...none, median: null });
    assert.deepEqual(statisticsOf(Float64Array.of(minusInfinity, infinity, 1)), { ...none, median: 1 });
    assert.deepEqual(statisticsOf(new Float64Array(0)), { ...none, median: null });
  });

  it('writes to nothing that it is given', () => {
    const values = Float64Array.of(3, nan, 1);
    statisticsOf(values);
    assert.deepEqual(values, Float64Array.of(3, nan, 1));
  });
});

describe('scoresOf()', () => {
  it('puts chunks together by number, in whatever order they arrive, to the bit', () => {
    const chunks = [0, 1, 2, 3].map((number) =>
      chunk(number, [
        [1, 0.1 + number / 3, 10 ** -number],
        [1, 1 / (number + 7), 0.3],
      ]),
    );
    const expected = scoresOf(chunks);
    assert.deepEqual(scoresOf([chunks[2]!, chunks[0]!, chunks[3]!, chunks[1]!]), expected);
    assert.deepEqual(scoresOf([...chunks].reverse()), expected);
    const finals = Float64Array.of(1, 0.3, 0.1, 0.3, 0.01, 0.3, 0.001, 0.3);
    assert.deepEqual(expected.final, statisticsOf(finals));
    assert.equal(expected.divergenceRate, 0);
  });

  it('calls a function diverged with a value that is not finite, or f(θ_T) above f(θ_0)', () => {
    const { divergenceRate, sum, final } = scoresOf([
      chunk(0, [
        [1, 5, 0.5],
        [1, 5, 1],
        [1, 5, 1.0001],
        [1, nan, 0.5],
      ]),
      chunk(1, [
        [1, infinity, 0.5],
        [1, 5, nan],
        [1, 5, -infinity],
        [nan, nan, 0.5],
      ]),
    ]);
    assert.equal(divergenceRate, 6 / 8);
    assert.deepEqual([sum.mean, final.mean], [null, null]);
  });
});

describe('OpenEvaluation', () => {
  it('add() takes every chunk that was asked for once, and with as many functions as were asked for', () => {
    const open = new OpenEvaluation({ round: 5, phi: new Float32Array(1), horizon: 6 }, chunksOf(3, 2), 0);
    const first = chunk(0, [
      [1, 10, 0],
      [1, 20, 0],
    ]);
    assert.equal(open.add(chunk(2, [[1, 1, 1]]), 1), undefined);
    assert.equal(open.add({ ...first, chunk: 1 }, 1), undefined);
    assert.deepEqual(open.missing, chunksOf(3, 2));
    assert.equal(open.add(first, 1), undefined);
    assert.equal(open.add({ ...first, sum: Float64Array.of(0, 0) }, 1), undefined);
    assert.deepEqual(open.missing, [{ chunk: 1, count: 1 }]);
    const { sum, divergenceRate } = open.add(chunk(1, [[1, 30, 2]]), 1)!;
    assert.equal(sum.mean, 20);
    assert.equal(divergenceRate, 1 / 3);
  });

  it('isStalled() once no chunk has come for its patience, which doubles every time', () => {
    const open = new OpenEvaluation({ round: 5, phi: new Float32Array(1), horizon: 6 }, chunksOf(3, 2), 100, 10);
    assert.equal(open.isStalled(109.9), false);
    open.add(chunk(1, [[1, 30, 2]]), 105);
    assert.equal(open.isStalled(114.9), false);
    assert.equal(open.isStalled(115), true);
    assert.equal(open.turn, 1);
    assert.equal(open.isStalled(134.9), false);
    assert.equal(open.isStalled(135), true);
    const last = chunk(0, [
      [1, 10, 0],
      [1, 20, 0],
    ]);
    open.add(last, 136);
    assert.equal(open.isStalled(1000), false);
  });
});
