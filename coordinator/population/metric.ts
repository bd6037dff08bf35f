/** The metrics that a sweep can minimize or maximize, computed from a run's metrics.jsonl. */
import type { EvaluationRow, RoundRow } from '../report/report.js';

/** Rows of a run's rounds and evaluations, in order. */
export type MetricRow = RoundRow | EvaluationRow;

interface Metric {
  describe: string;
  /** The value after these rows; null if there is none. */
  value(rows: readonly MetricRow[]): number | null;
}

function isEvaluation(row: MetricRow): row is EvaluationRow {
  return 'evaluation' in row;
}

function isRound(row: MetricRow): row is RoundRow {
  return !isEvaluation(row);
}

/** A metric that `read` takes from the last evaluation. */
function lastEvaluation(describe: string, read: (row: EvaluationRow) => number | null): Metric {
  return {
    describe,
    value: (rows) => {
      const row = rows.findLast(isEvaluation);
      return row ? read(row) : null;
    },
  };
}

export const METRICS = {
  score: {
    describe: 'the best mean sum over the held-out evaluations so far, reached by phi.safetensors',
    value: (rows: readonly MetricRow[]) => {
      const sums = rows.filter(isEvaluation).flatMap(({ sum }) => sum.mean ?? []);
      return sums.length === 0 ? null : Math.min(...sums);
    },
  },
  sum: lastEvaluation('mean of the sums f(θ_0) + … of the last held-out evaluation', ({ sum }) => sum.mean),
  final: lastEvaluation('mean of f(θ_T) of the last held-out evaluation', ({ final }) => final.mean),
  'sum-median': lastEvaluation('median of the sums of the last held-out evaluation', ({ sum }) => sum.median),
  'final-median': lastEvaluation('median of f(θ_T) of the last held-out evaluation', ({ final }) => final.median),
  'divergence-rate': lastEvaluation(
    'share of the functions of the last held-out evaluation that diverged',
    ({ divergenceRate }) => divergenceRate,
  ),
  'meta-loss': {
    describe: 'mean loss of the last window, over its healthy problems',
    value: (rows: readonly MetricRow[]) => rows.findLast(isRound)?.metaLoss ?? null,
  },
} as const satisfies Record<string, Metric>;

export type MetricName = keyof typeof METRICS;

/** The value of a metric after the rows of a run; null if it has none yet or is not finite. */
export function metricValue(name: MetricName, rows: readonly MetricRow[]): number | null {
  const value = METRICS[name].value(rows);
  return value !== null && Number.isFinite(value) ? value : null;
}
