/** Whether a vector may be added up: asked of every gradient that comes in. */

/** Whether every entry is finite: 0·v is NaN where v is not. Several times as fast as asking entry by entry. */
export function allFinite(values: Float32Array): boolean {
  let zero = 0;
  for (let i = 0; i < values.length; i++) zero += 0 * values[i]!;
  return zero === 0;
}
