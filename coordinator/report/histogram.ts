/** Histograms as TensorBoard shows them. */

/** Counts of values: bucket i covers the values from the previous limit, or the minimum, up to its own limit. */
export interface Histogram {
  minimum: number;
  maximum: number;
  count: number;
  sum: number;
  sumOfSquares: number;
  /** Upper limits. */
  limits: number[];
  counts: number[];
}

/** The default of TensorBoard's own writer. */
const BUCKETS = 30;

/** The histogram of at least one finite value, in buckets of equal width; one bucket if all values are the same. */
export function histogramOf(values: Float32Array): Histogram {
  let [minimum, maximum] = [values[0]!, values[0]!];
  let [sum, sumOfSquares] = [0, 0];
  for (const value of values) {
    minimum = Math.min(minimum, value);
    maximum = Math.max(maximum, value);
    sum += value;
    sumOfSquares += value * value;
  }
  const summary = { minimum, maximum, count: values.length, sum, sumOfSquares };
  if (minimum === maximum) return { ...summary, limits: [maximum], counts: [values.length] };
  const width = (maximum - minimum) / BUCKETS;
  const limits = Array.from({ length: BUCKETS }, (_, i) => (i === BUCKETS - 1 ? maximum : minimum + (i + 1) * width));
  const counts = new Array<number>(BUCKETS).fill(0);
  for (const value of values) counts[Math.min(BUCKETS - 1, Math.floor((value - minimum) / width))]! += 1;
  return { ...summary, limits, counts };
}
