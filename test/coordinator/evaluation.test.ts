import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { chunksOf, heldOutChunks, scoresOf, statisticsOf } from '../../coordinator/evaluation.js';
import { OpenEvaluation, type OpenEvaluationOptions } from '../../coordinator/open-evaluation.js';
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
  const PHI = { round: 5, phi: new Float32Array(1), horizon: 6 };
  /** Of two chunks, one of two functions and one of one. */
  const CHUNKS = chunksOf(3, 2);
  const FIRST = chunk(0, [
    [1, 10, 0],
    [1, 20, 0],
  ]);
  const SECOND = chunk(1, [[1, 30, 2]]);

  /** An evaluation whose chunks were all ordered of these workers. */
  function opened(workers: string[], options: Partial<OpenEvaluationOptions> = {}): OpenEvaluation {
    const open = new OpenEvaluation(PHI, { chunks: CHUNKS, isDoubled: () => false, now: 0, ...options });
    open.staff(workers.length);
    for (const { chunk: number } of CHUNKS)
      for (let turn = 0; turn < workers.length; turn++) open.order(number, turn, workers);
    return open;
  }

  it('add() takes every chunk that was asked for once, and with as many functions as were asked for', () => {
    const open = opened(['a', 'b']);
    const types = (...arrivals: { type: string }[]) => arrivals.map(({ type }) => type);
    assert.deepEqual(types(open.add('a', chunk(2, [[1, 1, 1]]), 1), open.add('a', { ...FIRST, chunk: 1 }, 1)), [
      'nothing',
      'nothing',
    ]);
    assert.deepEqual(open.missing, CHUNKS);
    assert.deepEqual(types(open.add('a', FIRST, 1), open.add('b', { ...FIRST, sum: Float64Array.of(0, 0) }, 1)), [
      'counted',
      'nothing',
    ]);
    assert.deepEqual(open.missing, [{ chunk: 1, count: 1 }]);
    const complete = open.add('b', SECOND, 1);
    assert.ok(complete.type === 'complete');
    assert.equal(complete.scores.sum.mean, 20);
    assert.equal(complete.scores.divergenceRate, 1 / 3);
  });

  it('add() takes nothing from a worker that was not asked for it', () => {
    const open = new OpenEvaluation(PHI, { chunks: CHUNKS, isDoubled: () => false, now: 0 });
    open.staff(2);
    assert.deepEqual(open.order(0, 0, ['a', 'b']), ['a']);
    assert.deepEqual(open.order(1, 1, ['a', 'b']), ['b']);
    assert.deepEqual(open.add('b', FIRST, 1), { type: 'nothing' });
    assert.deepEqual(open.add('nobody', SECOND, 1), { type: 'nothing' });
    assert.deepEqual(open.missing, CHUNKS);
  });

  it('waits for two workers that agree on a chunk that is computed twice, and for a third if they do not', () => {
    const open = new OpenEvaluation(PHI, { chunks: CHUNKS, isDoubled: (number) => number === 0, now: 0 });
    open.staff(4);
    const workers = ['a', 'b', 'c', 'd'];
    assert.deepEqual(open.order(0, 0, workers), ['a', 'b']);
    assert.deepEqual(open.order(1, 1, workers), ['b']);
    open.add('b', SECOND, 1);
    assert.deepEqual(open.add('a', FIRST, 1), { type: 'counted' });
    const lie = { ...FIRST, sum: Float64Array.of(-1e9, -1e9) };
    assert.deepEqual(open.add('b', lie, 1), { type: 'open', chunk: 0, workers: ['a', 'b'] });
    assert.deepEqual(open.order(0, 0, workers), ['c']);
    assert.deepEqual(open.add('c', FIRST, 1), { type: 'odd', chunk: 0, workers: ['b'] });
    const complete = open.withdraw('b');
    // what the liar said of the other chunk is computed again
    assert.deepEqual([complete.type, open.missing], ['counted', [{ chunk: 1, count: 1 }]]);
    assert.deepEqual(open.order(1, 0, ['a', 'c', 'd']), ['a']);
    const end = open.add('a', SECOND, 1);
    assert.ok(end.type === 'complete' && end.scores.sum.mean === 20);
  });

  it('undecidable() names a chunk of which two differ when nobody else is there', () => {
    const open = new OpenEvaluation(PHI, { chunks: CHUNKS, isDoubled: () => true, now: 0 });
    open.staff(2);
    for (const { chunk: number } of CHUNKS) open.order(number, 0, ['a', 'b']);
    open.add('a', FIRST, 1);
    assert.equal(open.undecidable(['a', 'b']), undefined);
    open.add('b', { ...FIRST, sum: Float64Array.of(0, 0) }, 1);
    assert.deepEqual(open.undecidable(['a', 'b']), { chunk: 0, workers: ['a', 'b'] });
    assert.equal(open.undecidable(['a', 'b', 'c']), undefined);
  });

  it('computes nothing twice for one worker alone, unless it waits for another', () => {
    const alone = opened(['a'], { isDoubled: () => true });
    alone.add('a', FIRST, 1);
    assert.equal(alone.add('a', SECOND, 1).type, 'complete');
    const waiting = opened(['a'], { isDoubled: () => true, waits: true });
    waiting.add('a', FIRST, 1);
    assert.equal(waiting.add('a', SECOND, 1).type, 'counted');
    assert.equal(waiting.missing.length, 2);
    // the other worker goes away in the middle
    const left = opened(['a', 'b'], { isDoubled: () => true });
    left.add('a', FIRST, 1);
    assert.equal(left.add('a', SECOND, 1).type, 'counted');
    assert.equal(left.staff(1).type, 'complete');
  });

  it('isStalled() once no chunk has come for its patience, which doubles every time', () => {
    const open = opened(['a'], { now: 100, patience: 10 });
    assert.equal(open.isStalled(109.9), false);
    open.add('a', SECOND, 105);
    assert.equal(open.isStalled(114.9), false);
    assert.equal(open.isStalled(115), true);
    assert.equal(open.turn, 1);
    assert.equal(open.isStalled(134.9), false);
    assert.equal(open.isStalled(135), true);
    open.add('a', FIRST, 136);
    assert.equal(open.isStalled(1000), false);
  });
});
