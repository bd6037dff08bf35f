/** A sweep's metric as a curve over the rows of a run. */
import { type MetricName, type MetricRow, metricValue } from './metric.js';

/** The metric after a round; null if it was not finite. */
export interface CurvePoint {
  round: number;
  value: number | null;
}

/** Reads a curve from the lines of metrics.jsonl, in order: a point per evaluation or, for meta-loss, per round. */
export class CurveReader {
  readonly #metric: MetricName;
  readonly points: CurvePoint[] = [];

  constructor(metric: MetricName) {
    this.#metric = metric;
  }

  /** Unreadable lines, such as torn ones, are ignored. */
  add(line: string): void {
    const row = rowOf(line);
    if (row === null || 'evaluation' in row === OF_ROUNDS.has(this.#metric)) return;
    const round = 'evaluation' in row ? row.evaluation : row.round;
    this.points.push({ round, value: this.#valueAfter(row) });
  }

  /** `score` is the least value so far; all other metrics come from the last row alone. */
  #valueAfter(row: MetricRow): number | null {
    const value = metricValue(this.#metric, [row]);
    const last = this.points.at(-1)?.value ?? null;
    if (this.#metric !== 'score' || last === null) return value;
    return value === null ? last : Math.min(last, value);
  }
}

const OF_ROUNDS: ReadonlySet<string> = new Set<MetricName>(['meta-loss']);

function rowOf(line: string): MetricRow | null {
  let row: unknown;
  try {
    row = JSON.parse(line);
  } catch {
    return null;
  }
  if (typeof row !== 'object' || row === null) return null;
  const { round, evaluation } = row as { round?: unknown; evaluation?: unknown };
  return Number.isFinite(evaluation ?? round) ? (row as MetricRow) : null;
}
