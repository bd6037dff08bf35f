/** Learning curves: what the losses of many functions say, step by step. */
import type { ChunkScores } from '../shared/messages.js';
import { finiteOrNull } from './evaluation.js';
import { ascending, quantile } from './quantiles.js';

/** Statistics over functions of f(θ_t) at some steps t; null if not finite. */
export interface Curve {
  /** t, ascending, from 0 to T. */
  steps: number[];
  mean: (number | null)[];
  median: (number | null)[];
  lowerQuartile: (number | null)[];
  upperQuartile: (number | null)[];
}

/** Points of a curve beyond the first: more would not be seen, and every one costs a number a function. */
const MOST_INTERVALS = 200;

/** The steps of a curve over T steps: every one, or 201 evenly spaced ones with the first and the last. */
export function curveSteps(horizon: number): number[] {
  const intervals = Math.min(horizon, MOST_INTERVALS);
  return Array.from({ length: intervals + 1 }, (_, index) => Math.round((index * horizon) / intervals));
}

/** The curve over all functions of an evaluation whose chunks kept their losses at these steps. */
export function curveOf(chunks: readonly ChunkScores[], steps: readonly number[]): Curve {
  const curve: Curve = { steps: [...steps], mean: [], median: [], lowerQuartile: [], upperQuartile: [] };
  const ordered = [...chunks].sort((a, b) => a.chunk - b.chunk);
  const values = new Float64Array(ordered.reduce((count, { initial }) => count + initial.length, 0));
  steps.forEach((_step, index) => {
    let offset = 0;
    for (const { curve: losses, initial } of ordered) {
      values.set(losses!.subarray(index * initial.length, (index + 1) * initial.length), offset);
      offset += initial.length;
    }
    const inOrder = ascending(values);
    curve.mean.push(finiteOrNull(values.reduce((sum, value) => sum + value, 0) / values.length));
    curve.median.push(finiteOrNull(quantile(inOrder, 0.5)));
    curve.lowerQuartile.push(finiteOrNull(quantile(inOrder, 0.25)));
    curve.upperQuartile.push(finiteOrNull(quantile(inOrder, 0.75)));
  });
  return curve;
}
