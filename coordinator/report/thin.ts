/** Downsamples long tracks for charts. */
import { ascending, quantile } from '../quantiles.js';
import type { Track } from './history.js';
import type { ChartPoint } from './line-chart.js';

/** Points in a chart of half a page's width: more would not be visible. */
export const MOST_POINTS = 300;

/**
 * The points of a track. A long one is reduced to the median and quartiles of equally large groups of neighbours, each at
 * the last round of its group.
 */
export function thinned({ rounds, values }: Track, most = MOST_POINTS): ChartPoint[] {
  if (rounds.length <= most) return rounds.map((x, index) => ({ x, y: values[index]! }));
  const size = Math.ceil(rounds.length / most);
  const points: ChartPoint[] = [];
  for (let start = 0; start < rounds.length; start += size) {
    const bucket = ascending(Float64Array.from(values.slice(start, start + size)));
    points.push({
      x: rounds[Math.min(start + size, rounds.length) - 1]!,
      y: quantile(bucket, 0.5),
      low: quantile(bucket, 0.25),
      high: quantile(bucket, 0.75),
    });
  }
  return points;
}
