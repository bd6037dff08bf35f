/** Elementary functions of vectors and numbers, from + − × ÷ alone: the same bits on every processor. */

/** The sum of a vector's lanes, in a fixed order. */
export function sumOfLanes(x: v128): f32 {
  const low = f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 1);
  return low + (f32x4.extract_lane(x, 2) + f32x4.extract_lane(x, 3));
}

/** The upper two lanes in double precision. */
export function promoteHigh(x: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<f32>(x, x, 2, 3, 2, 3));
}

/**
 * e^x within 2 ulp, x clamped to ±80 so that no later value is denormal (which costs 100 cycles per operation).
 * x = k·ln 2 + r with ln 2 in two parts; the polynomial of e^r is that of Cephes' expf.
 */
export function exp(x: v128): v128 {
  x = f32x4.min(f32x4.max(x, f32x4.splat(-80)), f32x4.splat(80));
  const k = f32x4.nearest(f32x4.mul(x, f32x4.splat(1.44269504088896341)));
  let r = f32x4.sub(x, f32x4.mul(k, f32x4.splat(0.693359375)));
  r = f32x4.sub(r, f32x4.mul(k, f32x4.splat(-2.12194440e-4)));
  let sum = f32x4.splat(1.9875691500e-4);
  sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(1.3981999507e-3));
  sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(8.3334519073e-3));
  sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(4.1665795894e-2));
  sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(1.6666665459e-1));
  sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(5.0000001201e-1));
  sum = f32x4.add(f32x4.add(f32x4.mul(f32x4.mul(sum, r), r), r), f32x4.splat(1));
  const power = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(k), i32x4.splat(127)), 23);
  return f32x4.mul(sum, power);
}

/** 1/(1 + e^−x). */
export function sigmoid(x: v128): v128 {
  return f32x4.div(f32x4.splat(1), f32x4.add(f32x4.splat(1), exp(f32x4.neg(x))));
}

/** tanh x: Cephes' polynomial below 0.625, where 1 − 2/(e^{2x} + 1) would cancel. */
export function tanh(x: v128): v128 {
  const z = f32x4.mul(x, x);
  let near = f32x4.splat(-5.70498872745e-3);
  near = f32x4.add(f32x4.mul(near, z), f32x4.splat(2.06390887954e-2));
  near = f32x4.add(f32x4.mul(near, z), f32x4.splat(-5.37397155531e-2));
  near = f32x4.add(f32x4.mul(near, z), f32x4.splat(1.33314422036e-1));
  near = f32x4.add(f32x4.mul(near, z), f32x4.splat(-3.33332819422e-1));
  near = f32x4.add(f32x4.mul(f32x4.mul(near, z), x), x);
  const doubled = exp(f32x4.add(x, x));
  const far = f32x4.sub(f32x4.splat(1), f32x4.div(f32x4.splat(2), f32x4.add(doubled, f32x4.splat(1))));
  return v128.bitselect(near, far, f32x4.lt(f32x4.abs(x), f32x4.splat(0.625)));
}

/** ln x for a normal x > 0, as in shared/elementary.ts; returns an x that is not finite as it is. */
export function log(x: f64): f64 {
  if (!isFinite(x)) return x;
  const bits = reinterpret<u64>(x);
  let k = <i32>(bits >> 52) - 1022;
  let m = reinterpret<f64>((bits & 0x000fffffffffffff) | 0x3fe0000000000000);
  if (m < 0.70710678118654752) {
    m *= 2;
    k -= 1;
  }
  const s = (m - 1) / (m + 1);
  const z = s * s;
  let series: f64 = 0;
  for (let n = 23; n >= 3; n -= 2) series = (series + 1 / <f64>n) * z;
  return <f64>k * 6.93147180369123816490e-1 + (2 * s + (2 * s * series + <f64>k * 1.90821492927058770002e-10));
}
