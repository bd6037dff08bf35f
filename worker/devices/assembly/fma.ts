/** Multiply-add on four lanes. */

/** a·b + c, rounded once with relaxed SIMD on a machine with fused multiply-add, otherwise twice. */
// @ts-ignore: decorator
@inline
export function fma(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}
