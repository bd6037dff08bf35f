/** Activation functions on four lanes, from + − × ÷ and bit operations alone. */

import { fma } from '../../../../devices/assembly/fma';

// tanh x ≈ x·P(x²)/Q(x²) on |x| ≤ 8.3, saturated beyond: a least-squares fit reweighted towards equal ripple (Lawson),
// relative error 2e-7 before rounding.
const LIMIT: f32 = 8.3;
const P0: f32 = 0.999999821;
const P1: f32 = 0.128990695;
const P2: f32 = 0.00292248558;
const P3: f32 = 1.11210975e-5;
const Q1: f32 = 0.462322474;
const Q2: f32 = 0.0236987248;
const Q3: f32 = 0.000234640669;
const Q4: f32 = 2.36131328e-7;

/** tanh x within 5e-7. */
// @ts-ignore: decorator
@inline
export function tanh4(value: v128): v128 {
  const x = f32x4.pmax(f32x4.pmin(value, f32x4.splat(LIMIT)), f32x4.splat(-LIMIT));
  const z = f32x4.mul(x, x);
  let p = fma(f32x4.splat(P3), z, f32x4.splat(P2));
  let q = fma(f32x4.splat(Q4), z, f32x4.splat(Q3));
  p = fma(p, z, f32x4.splat(P1));
  q = fma(q, z, f32x4.splat(Q2));
  p = fma(p, z, f32x4.splat(P0));
  q = fma(q, z, f32x4.splat(Q1));
  q = fma(q, z, f32x4.splat(1));
  return f32x4.div(f32x4.mul(x, p), q);
}

/** σ(x) = ½ + ½·tanh(x/2) within 3e-7, with the halves folded into the coefficients. */
// @ts-ignore: decorator
@inline
export function sigmoid4(value: v128): v128 {
  const x = f32x4.pmax(f32x4.pmin(value, f32x4.splat(2 * LIMIT)), f32x4.splat(-2 * LIMIT));
  const z = f32x4.mul(x, x);
  let p = fma(f32x4.splat(P3 / 256), z, f32x4.splat(P2 / 64));
  let q = fma(f32x4.splat(Q4 / 256), z, f32x4.splat(Q3 / 64));
  p = fma(p, z, f32x4.splat(P1 / 16));
  q = fma(q, z, f32x4.splat(Q2 / 16));
  p = fma(p, z, f32x4.splat(P0 / 4));
  q = fma(q, z, f32x4.splat(Q1 / 4));
  q = fma(q, z, f32x4.splat(1));
  return f32x4.add(f32x4.splat(0.5), f32x4.div(f32x4.mul(x, p), q));
}

const LN2_HIGH: f32 = 0.693145751953125; // 15 leading bits of ln 2: its product with an exponent is exact
const LN2_LOW: f32 = 1.42860677e-6;

/** ln x within 2 ulp, for positive normal x: x = 2^k·m, and ln m = 2·artanh((m − 1)/(m + 1)) by its series. */
// @ts-ignore: decorator
@inline
export function log4(x: v128): v128 {
  // adding this before the shift rounds so that m lies in [√½, √2)
  const shifted = i32x4.add(x, i32x4.splat(0x3f800000 - 0x3f3504f3));
  const exponent = i32x4.sub(i32x4.shr_u(shifted, 23), i32x4.splat(127));
  const m = i32x4.sub(x, i32x4.shl(exponent, 23));
  const k = f32x4.convert_i32x4_s(exponent);
  const s = f32x4.div(f32x4.sub(m, f32x4.splat(1)), f32x4.add(m, f32x4.splat(1)));
  const z = f32x4.mul(s, s);
  let series = fma(f32x4.splat(1.0 / 9.0), z, f32x4.splat(1.0 / 7.0));
  series = fma(series, z, f32x4.splat(1.0 / 5.0));
  series = fma(series, z, f32x4.splat(1.0 / 3.0));
  series = f32x4.mul(f32x4.mul(series, z), s);
  const twice = f32x4.add(s, s);
  const small = fma(k, f32x4.splat(LN2_LOW), f32x4.add(series, series));
  return fma(k, f32x4.splat(LN2_HIGH), f32x4.add(twice, small));
}
