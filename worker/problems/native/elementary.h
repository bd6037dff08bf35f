/** The elementary functions of assembly/, operation by operation: the same bits on wider vectors. Nothing is fused. */
#ifndef LOPT_ELEMENTARY_H
#define LOPT_ELEMENTARY_H

#include "../../devices/native/exponential.h"
#include "columns.h"

enum { SIGMOID, TANH };

typedef double v2d __attribute__((vector_size(16)));

/** As many bytes as a vector has lanes, as numbers. */
INLINE vf bytes_at(const uint8_t *at) {
#if LOPT_LANES == 16
  return to_float(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)at)));
#elif LOPT_LANES == 8
  return to_float(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)at)));
#else
  uint32_t bytes;
  memcpy(&bytes, at, sizeof bytes);
  return vcvtq_f32_u32(vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(bytes)))));
#endif
}

INLINE vf negative(vf x) { return float_of(bits_of(x) ^ splat_int(INT32_MIN)); }

INLINE vf sigmoid_of(vf x) { return splat(1) / (splat(1) + exp_of(negative(x))); }

/** tanh x: Cephes' polynomial below 0.625, where 1 − 2/(e^{2x} + 1) would cancel. */
INLINE vf tanh_of(vf x) {
  const vf z = x * x;
  vf near = splat(-5.70498872745e-3f);
  near = near * z + splat(2.06390887954e-2f);
  near = near * z + splat(-5.37397155531e-2f);
  near = near * z + splat(1.33314422036e-1f);
  near = near * z + splat(-3.33332819422e-1f);
  near = near * z * x + x;
  const vf far = splat(1) - splat(2) / (exp_of(x + x) + splat(1));
  return where_less(magnitude_of(x), splat(0.625f), near, far);
}

/** max(x, 0), which keeps a NaN and has no negative zero. */
INLINE vf relu_of(vf x) { return where_not_less(splat(0), x, splat(0), x); }

/** The activation's derivative, from its value. */
INLINE float slope_of(int activation, float value) {
  if (activation == SIGMOID) return value * (1 - value);
  if (activation == TANH) return 1 - value * value;
  return value > 0 ? 1 : 0;
}

/** How the activation's derivative changes with its value. */
INLINE float slope_change_of(int activation, float value) {
  if (activation == SIGMOID) return 1 - 2 * value;
  if (activation == TANH) return -2 * value;
  return 0;
}

/** ln x for a normal x > 0, as in shared/elementary.ts; returns an x that is not finite as it is. */
static double log_of(double x) {
  if (!isfinite(x)) return x;
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  int k = (int)(bits >> 52) - 1022;
  bits = (bits & 0x000fffffffffffff) | 0x3fe0000000000000;
  double m;
  memcpy(&m, &bits, sizeof m);
  if (m < 0.70710678118654752) {
    m *= 2;
    k -= 1;
  }
  const double s = (m - 1) / (m + 1);
  const double z = s * s;
  double series = 0;
  for (int n = 23; n >= 3; n -= 2) series = (series + 1 / (double)n) * z;
  return k * 6.93147180369123816490e-1 + (2 * s + (2 * s * series + k * 1.90821492927058770002e-10));
}

#endif
