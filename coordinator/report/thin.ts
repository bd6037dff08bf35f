/** Long tracks, thinned until a chart can show them. */
import { ascending, quantile } from '../quantiles.js';
import type { Track } from './history.js';
import type { ChartPoint } from './line-chart.js';

/** Points of a chart of half a page's width: more would not be seen. */
export const MOST_POINTS = 300;

/**
 * The points of a track: as they are where there are few, otherwise the median and the quartiles of equally many
 * neighbours, at the last of their rounds.
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
