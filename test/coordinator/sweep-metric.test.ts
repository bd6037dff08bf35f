import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { METRICS, type MetricName, type MetricRow, metricValue } from '../../coordinator/population/metric.js';

const ROUND = {
  finalLoss: 1,
  healthy: 1,
  problems: 1,
  learningRate: 1,
  gradientNorm: 1,
  skipped: false,
  seconds: null,
  workers: null,
  replayed: null,
};

function statistics(mean: number | null, median: number | null) {
  return { mean, standardError: null, median };
}

const ROWS: MetricRow[] = [
  { ...ROUND, round: 1, metaLoss: 80 },
  { evaluation: 1, sum: statistics(50, 40), final: statistics(3, 2), divergenceRate: 0.5 },
  { ...ROUND, round: 2, metaLoss: 70 },
  { evaluation: 2, sum: statistics(55, 45), final: statistics(1, 0.5), divergenceRate: 0.25 },
];

describe('metricValue()', () => {
  it('reads every metric from the rows of metrics.jsonl', () => {
    const expected: Record<MetricName, number> = {
      score: 50,
      sum: 55,
      final: 1,
      'sum-median': 45,
      'final-median': 0.5,
      'divergence-rate': 0.25,
      'meta-loss': 70,
    };
    const names = Object.keys(METRICS) as MetricName[];
    assert.deepEqual(Object.fromEntries(names.map((name) => [name, metricValue(name, ROWS)])), expected);
  });

  it('is null without rows, and where the last value is not finite; the score is the best that there was', () => {
    const diverged: MetricRow = {
      evaluation: 3,
      sum: statistics(null, null),
      final: statistics(null, null),
      divergenceRate: 1,
    };
    const rows = [...ROWS, diverged, { ...ROUND, round: 3, metaLoss: null }];
    for (const name of ['sum', 'final', 'sum-median', 'final-median', 'meta-loss'] as const) {
      assert.equal(metricValue(name, rows), null);
      assert.equal(metricValue(name, []), null);
    }
    assert.equal(metricValue('score', rows), 50);
    assert.equal(metricValue('score', [diverged]), null);
    assert.equal(metricValue('divergence-rate', rows), 1);
  });
});
