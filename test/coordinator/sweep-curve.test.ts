import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CurveReader } from '../../coordinator/population/curve.js';
import { METRICS, type MetricName, type MetricRow, metricValue } from '../../coordinator/population/metric.js';

/** Evaluations after every second round, of values that rise and fall; one of them not finite. */
function rows(): MetricRow[] {
  const sums = [50, 20, null, 30, 10, 25];
  return Array.from({ length: 11 }, (_, index): MetricRow[] => {
    const part = (mean: number | null) => ({ mean, standardError: 1, median: mean === null ? null : mean / 2 });
    const sum = sums[index / 2];
    const round = { metaLoss: 100 - index, finalLoss: 1, healthy: 2, problems: 2, learningRate: 0.1 };
    const rest = { gradientNorm: 1, skipped: false, seconds: null, workers: null, replayed: null };
    return [
      ...(index > 0 ? [{ round: index, ...round, ...rest }] : []),
      ...(sum === undefined
        ? []
        : [
            { evaluation: index, sum: part(sum), final: part(sum === null ? 7 : sum / 3), divergenceRate: index / 100 },
          ]),
    ];
  }).flat();
}

describe('CurveReader', () => {
  for (const name of Object.keys(METRICS) as MetricName[]) {
    it(`has, at every point, the value that ${name} has of all rows until then`, () => {
      const all = rows();
      const reader = new CurveReader(name);
      for (const row of all) reader.add(JSON.stringify(row));
      const roundOf = (row: MetricRow) => ('evaluation' in row ? row.evaluation : row.round);
      const expected = all.flatMap((row, index) => {
        if ('evaluation' in row === (name === 'meta-loss')) return [];
        return [{ round: roundOf(row), value: metricValue(name, all.slice(0, index + 1)) }];
      });
      assert.deepEqual(reader.points, expected);
      assert.ok(expected.length >= 6);
    });
  }

  it('leaves out lines that say nothing', () => {
    const reader = new CurveReader('sum');
    for (const line of ['', '{"evaluation": 3, "su', 'null', '7', '{"round": 2}']) reader.add(line);
    assert.deepEqual(reader.points, []);
  });
});
