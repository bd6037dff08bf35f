/** Quantiles of measured values. */

/** The values in ascending order; one that is not a number counts as the worst, +∞. */
export function ascending(values: Float64Array): Float64Array {
  return values.map((value) => (Number.isNaN(value) ? Number.POSITIVE_INFINITY : value)).sort();
}

/**
 * The quantile of values in ascending order, linear between neighbours (type 7 of Hyndman and Fan 1996, as in NumPy);
 * NaN if there are no values.
 *
 * @param share from 0, the least value, to 1, the greatest
 */
export function quantile(ascendingValues: Float64Array, share: number): number {
  const place = share * (ascendingValues.length - 1);
  const below = Math.floor(place);
  const weight = place - below;
  const lower = ascendingValues[below] ?? Number.NaN;
  // without this a weight of 0 times infinity would make NaN
  return weight === 0 ? lower : lower * (1 - weight) + ascendingValues[below + 1]! * weight;
}
