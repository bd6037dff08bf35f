/** The normal distribution function and its inverse, from our own exp and log: the same bits under IEEE 754. */
import { exp, log } from '../../shared/elementary.js';

const SQRT_TAU = Math.sqrt(2 * Math.PI);

/** ln √(2π). */
export const LOG_SQRT_TAU = log(2 * Math.PI) / 2;

/**
 * Φ(x) within 1e-13: its Taylor series about 0 for small |x| (Marsaglia 2004, "Evaluating the normal distribution"),
 * otherwise Laplace's continued fraction of the tail.
 */
export function normalCdf(x: number): number {
  const magnitude = Math.abs(x);
  const density = exp(-0.5 * x * x) / SQRT_TAU;
  if (magnitude < 3) {
    // Φ(x) = 1/2 + φ(x)·(x + x³/3 + x⁵/(3·5) + …)
    let term = x;
    let sum = x;
    for (let n = 3; Math.abs(term) > 1e-17 * Math.abs(sum); n += 2) {
      term *= (x * x) / n;
      sum += term;
    }
    return 0.5 + density * sum;
  }
  // 1 − Φ(x) = φ(x)/(x + 1/(x + 2/(x + 3/(x + …))))
  let fraction = magnitude;
  for (let n = 60; n >= 1; n--) fraction = magnitude + n / fraction;
  const tail = density / fraction;
  return x < 0 ? tail : 1 - tail;
}

/** Φ(b) − Φ(a) for a ≤ b, computed in the tail that avoids cancellation. */
export function normalMass(a: number, b: number): number {
  return a > 0 ? normalCdf(-a) - normalCdf(-b) : normalCdf(b) - normalCdf(a);
}

// coefficients of Acklam's rational approximation of Φ⁻¹, relative error 1.15e-9 (P. J. Acklam 2003)
const A = [
  -3.969683028665376e1, 2.209460984245205e2, -2.759285104469687e2, 1.38357751867269e2, -3.066479806614716e1,
  2.506628277459239,
];
const B = [
  -5.447609879822406e1, 1.615858368580409e2, -1.556989798598866e2, 6.680131188771972e1, -1.328068155288572e1, 1,
];
const C = [
  -7.784894002430293e-3, -3.223964580411365e-1, -2.400758277161838, -2.549732539343734, 4.374664141464968,
  2.938163982698783,
];
const D = [7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996, 3.754408661907416, 1];

function horner(coefficients: readonly number[], x: number): number {
  return coefficients.reduce((sum, coefficient) => sum * x + coefficient, 0);
}

/** Φ⁻¹(p) for 0 < p < 1: Acklam's approximation and one Newton step. */
export function normalQuantile(p: number): number {
  if (p > 0.5) return -normalQuantile(1 - p);
  let x: number;
  if (p < 0.02425) {
    const q = Math.sqrt(-2 * log(p));
    x = horner(C, q) / horner(D, q);
  } else {
    const q = p - 0.5;
    x = (q * horner(A, q * q)) / horner(B, q * q);
  }
  const error = normalCdf(x) - p;
  return x - error * SQRT_TAU * exp(0.5 * x * x);
}
