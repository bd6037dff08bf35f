/** The activation functions of wasm/assembly/activations.ts, operation by operation: the same bits on wider vectors. */
#ifndef LOPT_ACTIVATIONS_H
#define LOPT_ACTIVATIONS_H

#include "../../../devices/native/vectors.h"

// tanh x ≈ x·P(x²)/Q(x²) on |x| ≤ 8.3, saturated beyond
#define TANH_LIMIT 8.3f
#define P0 0.999999821f
#define P1 0.128990695f
#define P2 0.00292248558f
#define P3 1.11210975e-5f
#define Q1 0.462322474f
#define Q2 0.0236987248f
#define Q3 0.000234640669f
#define Q4 2.36131328e-7f

/** x within ±limit; a NaN stays one. */
INLINE vf clamp(vf value, float limit) { return larger(splat(-limit), smaller(splat(limit), value)); }

INLINE vf tanh_of(vf value) {
  const vf x = clamp(value, TANH_LIMIT);
  const vf z = x * x;
  vf p = fma_of(splat(P3), z, splat(P2));
  vf q = fma_of(splat(Q4), z, splat(Q3));
  p = fma_of(p, z, splat(P1));
  q = fma_of(q, z, splat(Q2));
  p = fma_of(p, z, splat(P0));
  q = fma_of(q, z, splat(Q1));
  q = fma_of(q, z, splat(1));
  return x * p / q;
}

/** σ(x) = ½ + ½·tanh(x/2), with the halves folded into the coefficients. */
INLINE vf sigmoid_of(vf value) {
  const vf x = clamp(value, 2 * TANH_LIMIT);
  const vf z = x * x;
  vf p = fma_of(splat(P3 / 256), z, splat(P2 / 64));
  vf q = fma_of(splat(Q4 / 256), z, splat(Q3 / 64));
  p = fma_of(p, z, splat(P1 / 16));
  q = fma_of(q, z, splat(Q2 / 16));
  p = fma_of(p, z, splat(P0 / 4));
  q = fma_of(q, z, splat(Q1 / 4));
  q = fma_of(q, z, splat(1));
  return splat(0.5f) + x * p / q;
}

#define LN2_HIGH 0.693145751953125f
#define LN2_LOW 1.42860677e-6f

/** ln x for positive normal x: x = 2^k·m, and ln m = 2·artanh((m − 1)/(m + 1)) by its series. */
INLINE vf log_of(vf x) {
  // adding this before the shift rounds so that m lies in [√½, √2)
  const vi shifted = add_int(bits_of(x), splat_int(0x3f800000 - 0x3f3504f3));
  const vi exponent = subtract_int(shift_down(shifted, 23), splat_int(127));
  const vf m = float_of(subtract_int(bits_of(x), shift_up(exponent, 23)));
  const vf k = to_float(exponent);
  const vf s = (m - splat(1)) / (m + splat(1));
  const vf z = s * s;
  vf series = fma_of(splat(1.0f / 9.0f), z, splat(1.0f / 7.0f));
  series = fma_of(series, z, splat(1.0f / 5.0f));
  series = fma_of(series, z, splat(1.0f / 3.0f));
  series = series * z * s;
  const vf small = fma_of(k, splat(LN2_LOW), series + series);
  return fma_of(k, splat(LN2_HIGH), s + s + small);
}

#endif
