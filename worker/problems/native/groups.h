/**
 * Vectors as groups of four lanes. The wasm kernels compute four columns at a time; here each group of a register holds
 * four columns of a row of its own, so that narrow layers fill it, too.
 */
#ifndef LOPT_GROUPS_H
#define LOPT_GROUPS_H

#include "columns.h"

#if LOPT_LANES == 16

/** Four floats from each address, one group after another. */
INLINE vf join(const float *const at[GROUPS]) {
  const __m256 low = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(at[0])), _mm_loadu_ps(at[1]), 1);
  const __m256 high = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(at[2])), _mm_loadu_ps(at[3]), 1);
  return _mm512_insertf32x8(_mm512_castps256_ps512(low), high, 1);
}

INLINE void groups_of(vf value, v4f groups[GROUPS]) {
  groups[0] = (v4f)_mm512_castps512_ps128(value);
  groups[1] = (v4f)_mm512_extractf32x4_ps(value, 1);
  groups[2] = (v4f)_mm512_extractf32x4_ps(value, 2);
  groups[3] = (v4f)_mm512_extractf32x4_ps(value, 3);
}

/** A lane of each group in all lanes of the group; `lane` is a constant. */
INLINE vf spread(vf value, const int lane) {
  switch (lane) {
    case 0: return _mm512_permute_ps(value, 0x00);
    case 1: return _mm512_permute_ps(value, 0x55);
    case 2: return _mm512_permute_ps(value, 0xaa);
    default: return _mm512_permute_ps(value, 0xff);
  }
}

/** One float for each group, from an address on. */
INLINE vf fan(const float *at) {
  const __m512i lanes = _mm512_set_epi32(3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0);
  return _mm512_permutevar_ps(splat_group(at), lanes);
}

/** (l0 + l1) + (l2 + l3) of every group, in all its lanes. */
INLINE vf sum_of_lanes(vf value) {
  const vf pairs = _mm512_add_ps(value, _mm512_permute_ps(value, 0xb1));
  return _mm512_add_ps(pairs, _mm512_permute_ps(pairs, 0x4e));
}

#elif LOPT_LANES == 8

INLINE vf join(const float *const at[GROUPS]) {
  return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(at[0])), _mm_loadu_ps(at[1]), 1);
}

INLINE void groups_of(vf value, v4f groups[GROUPS]) {
  groups[0] = (v4f)_mm256_castps256_ps128(value);
  groups[1] = (v4f)_mm256_extractf128_ps(value, 1);
}

INLINE vf spread(vf value, const int lane) {
  switch (lane) {
    case 0: return _mm256_permute_ps(value, 0x00);
    case 1: return _mm256_permute_ps(value, 0x55);
    case 2: return _mm256_permute_ps(value, 0xaa);
    default: return _mm256_permute_ps(value, 0xff);
  }
}

INLINE vf fan(const float *at) {
  double both;
  memcpy(&both, at, sizeof both);
  const vf pairs = _mm256_castpd_ps(_mm256_set1_pd(both));
  return _mm256_permutevar_ps(pairs, _mm256_set_epi32(1, 1, 1, 1, 0, 0, 0, 0));
}

INLINE vf sum_of_lanes(vf value) {
  const vf pairs = _mm256_add_ps(value, _mm256_permute_ps(value, 0xb1));
  return _mm256_add_ps(pairs, _mm256_permute_ps(pairs, 0x4e));
}

#else

INLINE vf join(const float *const at[GROUPS]) { return load(at[0]); }
INLINE void groups_of(vf value, v4f groups[GROUPS]) { groups[0] = (v4f)value; }

INLINE vf spread(vf value, const int lane) {
  switch (lane) {
    case 0: return vdupq_laneq_f32(value, 0);
    case 1: return vdupq_laneq_f32(value, 1);
    case 2: return vdupq_laneq_f32(value, 2);
    default: return vdupq_laneq_f32(value, 3);
  }
}

INLINE vf fan(const float *at) { return vld1q_dup_f32(at); }

INLINE vf sum_of_lanes(vf value) {
  const vf pairs = vaddq_f32(value, vrev64q_f32(value));
  return vaddq_f32(pairs, vextq_f32(pairs, pairs, 2));
}

#endif

/** Four floats from each address, displaced by as many floats. */
INLINE vf join_at(float *const at[GROUPS], ptrdiff_t displacement) {
  const float *from[GROUPS];
  UNROLL for (int i = 0; i < GROUPS; i++) from[i] = at[i] + displacement;
  return join(from);
}

/** Stores the groups from `first` to `end`, each at an address of its own, displaced by as many floats. */
INLINE void part_at(vf value, float *const at[GROUPS], ptrdiff_t displacement, int first, int end) {
  v4f group[GROUPS];
  groups_of(value, group);
  UNROLL for (int i = 0; i < GROUPS; i++) {
    if (i >= first && i < end) store4(at[i] + displacement, group[i]);
  }
}

/** The first lane of each group. */
INLINE void firsts_of(vf value, float to[GROUPS]) {
  v4f group[GROUPS];
  groups_of(value, group);
  UNROLL for (int i = 0; i < GROUPS; i++) to[i] = group[i][0];
}

#endif
