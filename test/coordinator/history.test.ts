import assert from 'node:assert/strict';
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type RunHistory, readHistory } from '../../coordinator/report/history.js';
import { MetricsFile } from '../../coordinator/report/metrics.js';
import { RunReport } from '../../coordinator/report/report.js';
import { thinned } from '../../coordinator/report/thin.js';
import { temporaryFolder } from '../fixtures/folder.js';
import { recordOf } from '../fixtures/records.js';

/** Episodes of three rounds. */
const SHAPE = { horizon: 6, unroll: 2 };

const MEASURES = { metaGradientNorm: 1, seconds: 0.5, coordinatorSeconds: 0, workers: 1, replayed: 0, duplicates: 0 };
const PHI = new Float32Array(1);

function statistics(mean: number | null) {
  return { mean, standardError: 0.5, median: mean };
}

describe('readHistory()', () => {
  it('adds up the windows of an episode, counts what went bad, and reads evaluations in the order of rounds', async (context) => {
    const path = join(temporaryFolder(context), 'metrics.jsonl');
    const metrics = new RunReport([new MetricsFile(path)]);
    metrics.started(0, 1);
    // mean losses 1, 2, 4 | 8, 16, - | 64, 128, 256 | 512
    for (let round = 1; round <= 10; round++) {
      const bad = round === 6;
      metrics.round(
        {
          ...recordOf(round),
          healthy: bad ? 0 : 4,
          problems: bad ? 4 : 5,
          loss: 4 * 2 ** (round - 1),
          learningRate: 0.01 * round,
          skipped: bad,
        },
        { ...MEASURES, replayed: round === 2 ? 3 : 0 },
      );
    }
    for (const round of [9, 0]) {
      metrics.evaluated(round, { sum: statistics(100 - round), final: statistics(null), divergenceRate: 0 }, PHI);
    }
    metrics.close();
    const evaluated = (round: number) => ({ round, sum: statistics(100 - round), final: statistics(null) });
    const expected: RunHistory = {
      round: 10,
      metaLoss: { rounds: [3, 9], values: [7, 448] },
      learningRate: {
        rounds: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
        values: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((round) => 0.01 * round),
      },
      evaluations: [evaluated(0), evaluated(9)],
      windows: 9 * 5 + 4,
      unhealthyWindows: 9 + 4,
      unhealthyRounds: 10,
      skippedRounds: 1,
      replayed: 3,
      seconds: 5,
      badLines: 0,
    };
    assert.deepEqual(await readHistory(path, SHAPE), expected);

    // lines that say nothing are counted, and take nothing with them
    appendFileSync(path, '\n{"round": 11, "metaLoss":\nnull\n{}\n{"round":"12"}\n[1]\n{"evaluation":3}\n');
    assert.deepEqual(await readHistory(path, SHAPE), { ...expected, badLines: 6 });
  });

  it('has no meta-loss of an episode that misses a round', async (context) => {
    const path = join(temporaryFolder(context), 'metrics.jsonl');
    const metrics = new RunReport([new MetricsFile(path)]);
    metrics.started(0, 1);
    for (const round of [1, 3, 4, 5, 6, 8, 9])
      metrics.round({ ...recordOf(round), healthy: 1, problems: 1, loss: round }, MEASURES);
    metrics.close();
    const { metaLoss } = await readHistory(path, SHAPE);
    assert.deepEqual(metaLoss, { rounds: [6], values: [15] });
  });

  it('is empty without a file, and with an empty one', async (context) => {
    const path = join(temporaryFolder(context), 'metrics.jsonl');
    const none = await readHistory(path, SHAPE);
    assert.deepEqual([none.round, none.evaluations, none.badLines], [0, [], 0]);
    writeFileSync(path, '');
    assert.deepEqual(await readHistory(path, SHAPE), none);
  });
});

describe('thinned()', () => {
  it('keeps a short track as it is', () => {
    assert.deepEqual(thinned({ rounds: [5, 10], values: [1, 2] }, 2), [
      { x: 5, y: 1 },
      { x: 10, y: 2 },
    ]);
  });

  it('gives the median and the quartiles of neighbours, at the last of their rounds', () => {
    const rounds = [1, 2, 3, 4, 5, 6, 7, 8];
    assert.deepEqual(thinned({ rounds, values: [4, 1, 2, 8, 3, 3, 9, 6] }, 2), [
      { x: 4, y: 3, low: 1.75, high: 5 },
      { x: 8, y: 4.5, low: 3, high: 6.75 },
    ]);
    // the last neighbours may be fewer
    assert.deepEqual(thinned({ rounds: [1, 2, 3], values: [1, 3, 7] }, 2), [
      { x: 2, y: 2, low: 1.5, high: 2.5 },
      { x: 3, y: 7, low: 7, high: 7 },
    ]);
  });

  it('gives at most as many points as are asked for', () => {
    for (const length of [300, 301, 599, 25_000]) {
      const track = Array.from({ length }, (_, index) => index);
      const points = thinned({ rounds: track, values: track }, 300);
      assert.ok(points.length <= 300 && points.length >= 150, `${length}: ${points.length}`);
      assert.equal(points.at(-1)!.x, length - 1);
    }
  });
});
