/** The exponential of assembly/, operation by operation: the same bits on wider vectors. Nothing is fused. */
#ifndef LOPT_EXPONENTIAL_H
#define LOPT_EXPONENTIAL_H

#include "vectors.h"

INLINE vf nearest(vf x) {
#if LOPT_LANES == 16
  return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#elif LOPT_LANES == 8
  return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#else
  return vrndnq_f32(x);
#endif
}

/** Towards 0; what a NaN gives does not matter. */
INLINE vi to_int(vf x) {
#if LOPT_LANES == 16
  return _mm512_cvttps_epi32(x);
#elif LOPT_LANES == 8
  return _mm256_cvttps_epi32(x);
#else
  return vcvtq_s32_f32(x);
#endif
}

/** e^x within 2 ulp, x clamped to ±80; the polynomial of Cephes' expf. */
INLINE vf exp_of(vf value) {
  const vf x = smaller(splat(80), larger(splat(-80), value));
  const vf k = nearest(x * splat(1.44269504088896341f));
  vf r = x - k * splat(0.693359375f);
  r = r - k * splat(-2.12194440e-4f);
  vf sum = splat(1.9875691500e-4f);
  sum = sum * r + splat(1.3981999507e-3f);
  sum = sum * r + splat(8.3334519073e-3f);
  sum = sum * r + splat(4.1665795894e-2f);
  sum = sum * r + splat(1.6666665459e-1f);
  sum = sum * r + splat(5.0000001201e-1f);
  sum = sum * r * r + r + splat(1);
  return sum * float_of(shift_up(add_int(to_int(k), splat_int(127)), 23));
}

#endif
