/** Tests every incoming meta-gradient for finiteness before it is added up. */

/** Whether every entry is finite: 0·v is NaN if v is not. Several times as fast as a test of every entry. */
export function allFinite(values: Float32Array): boolean {
  let zero = 0;
  for (let i = 0; i < values.length; i++) zero += 0 * values[i]!;
  return zero === 0;
}
