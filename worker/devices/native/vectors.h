/**
 * Vectors of LOPT_LANES floats: 16 (AVX-512), 8 (AVX2 with FMA) or 4 (NEON). With LOPT_STRICT a multiply-add rounds
 * twice, as on any processor.
 *
 * Lanes are coordinates. A row of a block is a multiple of 8 long, so only 16 lanes can overhang it: `tail_of` says
 * which lanes of the last vector count, and `load_tail` and `store_tail` touch no others.
 */
#ifndef LOPT_VECTORS_H
#define LOPT_VECTORS_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if LOPT_LANES == 4
#include <arm_neon.h>
#else
#include <immintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))
/** The name of a table of functions for this instruction set and arithmetic. */
#define TABLE(name) JOIN(name, LOPT_SUFFIX)
#define JOIN(name, suffix) JOINED(name, suffix)
#define JOINED(name, suffix) name##_##suffix

/** UNROLL_SOME is for a loop whose length is not known in every copy of it: Clang warns if it cannot unroll all of one. */
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#define UNROLL_SOME _Pragma("clang loop unroll_count(16)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#define UNROLL_SOME UNROLL
#endif

/** Groups of four lanes, which are what sums over coordinates are made of. */
#define GROUPS (LOPT_LANES / 4)

typedef float v4f __attribute__((vector_size(16)));

#if LOPT_LANES == 16

typedef __m512 vf;
typedef __m512i vi;
typedef __mmask16 tail_mask;

INLINE tail_mask tail_of(ptrdiff_t lanes) { return lanes >= 16 ? (tail_mask)0xffff : (tail_mask)((1u << lanes) - 1); }
INLINE vf load(const float *at) { return _mm512_loadu_ps(at); }
INLINE vf load_tail(const float *at, tail_mask mask) { return _mm512_maskz_loadu_ps(mask, at); }
INLINE void store_tail(float *at, vf value, tail_mask mask) { _mm512_mask_storeu_ps(at, mask, value); }
INLINE void store(float *at, vf value) { _mm512_storeu_ps(at, value); }
INLINE vf splat(float value) { return _mm512_set1_ps(value); }
INLINE vi splat_int(int32_t value) { return _mm512_set1_epi32(value); }
INLINE vf splat_group(const float *at) { return _mm512_broadcast_f32x4(_mm_loadu_ps(at)); }
INLINE vf smaller(vf a, vf b) { return _mm512_min_ps(a, b); }
INLINE vf larger(vf a, vf b) { return _mm512_max_ps(a, b); }
INLINE vf root(vf value) { return _mm512_sqrt_ps(value); }
INLINE vf to_float(vi value) { return _mm512_cvtepi32_ps(value); }
INLINE vi shift_down(vi value, int bits) { return _mm512_srli_epi32(value, (unsigned)bits); }
INLINE vi bits_of(vf value) { return _mm512_castps_si512(value); }
INLINE vf float_of(vi bits) { return _mm512_castsi512_ps(bits); }
INLINE vi add_int(vi a, vi b) { return _mm512_add_epi32(a, b); }
INLINE vi subtract_int(vi a, vi b) { return _mm512_sub_epi32(a, b); }
INLINE vi and_bits(vi a, vi b) { return _mm512_and_si512(a, b); }
INLINE vi or_bits(vi a, vi b) { return _mm512_or_si512(a, b); }
INLINE vi shift_up(vi value, int bits) { return _mm512_slli_epi32(value, (unsigned)bits); }
/** Where a ≥ b, `yes`, otherwise `no`; `no` where either is NaN. */
INLINE vf where_not_less(vf a, vf b, vf yes, vf no) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_GE_OQ), no, yes);
}
/** Where a < b, `yes`, otherwise `no`; `no` where either is NaN. */
INLINE vf where_less(vf a, vf b, vf yes, vf no) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), no, yes);
}
INLINE vf fused(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
INLINE v4f fused4(v4f a, v4f b, v4f c) { return _mm_fmadd_ps(a, b, c); }

/** Of four rows: vector q holds group q of each row in turn. */
INLINE void interleave(const vf row[4], vf packed[4]) {
  const vf a = _mm512_shuffle_f32x4(row[0], row[1], 0x44), b = _mm512_shuffle_f32x4(row[0], row[1], 0xee);
  const vf c = _mm512_shuffle_f32x4(row[2], row[3], 0x44), d = _mm512_shuffle_f32x4(row[2], row[3], 0xee);
  packed[0] = _mm512_shuffle_f32x4(a, c, 0x88);
  packed[1] = _mm512_shuffle_f32x4(a, c, 0xdd);
  packed[2] = _mm512_shuffle_f32x4(b, d, 0x88);
  packed[3] = _mm512_shuffle_f32x4(b, d, 0xdd);
}

/** (l0 + l2) + (l1 + l3) of every group of lanes, in its first lane. */
INLINE vf sum_groups(vf value) {
  const vf pairs = _mm512_add_ps(value, _mm512_permute_ps(value, 0x4e));
  return _mm512_add_ps(pairs, _mm512_permute_ps(pairs, 0xb1));
}

#elif LOPT_LANES == 8

typedef __m256 vf;
typedef __m256i vi;
typedef int tail_mask;

INLINE tail_mask tail_of(ptrdiff_t lanes) { return lanes >= 8; }
INLINE vf load(const float *at) { return _mm256_loadu_ps(at); }
INLINE void store(float *at, vf value) { _mm256_storeu_ps(at, value); }
INLINE vf splat(float value) { return _mm256_set1_ps(value); }
INLINE vi splat_int(int32_t value) { return _mm256_set1_epi32(value); }
INLINE vf splat_group(const float *at) { return _mm256_broadcast_ps((const __m128 *)at); }
INLINE vf smaller(vf a, vf b) { return _mm256_min_ps(a, b); }
INLINE vf larger(vf a, vf b) { return _mm256_max_ps(a, b); }
INLINE vf root(vf value) { return _mm256_sqrt_ps(value); }
INLINE vf to_float(vi value) { return _mm256_cvtepi32_ps(value); }
INLINE vi shift_down(vi value, int bits) { return _mm256_srli_epi32(value, bits); }
INLINE vi bits_of(vf value) { return _mm256_castps_si256(value); }
INLINE vf float_of(vi bits) { return _mm256_castsi256_ps(bits); }
INLINE vi add_int(vi a, vi b) { return _mm256_add_epi32(a, b); }
INLINE vi subtract_int(vi a, vi b) { return _mm256_sub_epi32(a, b); }
INLINE vi and_bits(vi a, vi b) { return _mm256_and_si256(a, b); }
INLINE vi or_bits(vi a, vi b) { return _mm256_or_si256(a, b); }
INLINE vi shift_up(vi value, int bits) { return _mm256_slli_epi32(value, bits); }
INLINE vf where_not_less(vf a, vf b, vf yes, vf no) {
  return _mm256_blendv_ps(no, yes, _mm256_cmp_ps(a, b, _CMP_GE_OQ));
}
INLINE vf where_less(vf a, vf b, vf yes, vf no) { return _mm256_blendv_ps(no, yes, _mm256_cmp_ps(a, b, _CMP_LT_OQ)); }
INLINE vf fused(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
INLINE v4f fused4(v4f a, v4f b, v4f c) { return _mm_fmadd_ps(a, b, c); }

INLINE void interleave(const vf row[4], vf packed[4]) {
  packed[0] = _mm256_permute2f128_ps(row[0], row[1], 0x20);
  packed[1] = _mm256_permute2f128_ps(row[2], row[3], 0x20);
  packed[2] = _mm256_permute2f128_ps(row[0], row[1], 0x31);
  packed[3] = _mm256_permute2f128_ps(row[2], row[3], 0x31);
}

INLINE vf sum_groups(vf value) {
  const vf pairs = _mm256_add_ps(value, _mm256_permute_ps(value, 0x4e));
  return _mm256_add_ps(pairs, _mm256_permute_ps(pairs, 0xb1));
}

#else

typedef float32x4_t vf;
typedef int32x4_t vi;
typedef int tail_mask;

INLINE tail_mask tail_of(ptrdiff_t lanes) { return lanes >= 4; }
INLINE vf load(const float *at) { return vld1q_f32(at); }
INLINE void store(float *at, vf value) { vst1q_f32(at, value); }
INLINE vf splat(float value) { return vdupq_n_f32(value); }
INLINE vi splat_int(int32_t value) { return vdupq_n_s32(value); }
INLINE vf splat_group(const float *at) { return vld1q_f32(at); }
INLINE vi shift_down(vi value, int bits) {
  return vreinterpretq_s32_u32(vshlq_u32(vreinterpretq_u32_s32(value), vdupq_n_s32(-bits)));
}
INLINE vi shift_up(vi value, int bits) { return vshlq_s32(value, vdupq_n_s32(bits)); }
INLINE vf root(vf value) { return vsqrtq_f32(value); }
INLINE vf to_float(vi value) { return vcvtq_f32_s32(value); }
INLINE vi bits_of(vf value) { return vreinterpretq_s32_f32(value); }
INLINE vf float_of(vi bits) { return vreinterpretq_f32_s32(bits); }
// unsigned: GCC's are the language's operators, whose overflow it may assume away if they are signed
INLINE vi add_int(vi a, vi b) {
  return vreinterpretq_s32_u32(vaddq_u32(vreinterpretq_u32_s32(a), vreinterpretq_u32_s32(b)));
}
INLINE vi subtract_int(vi a, vi b) {
  return vreinterpretq_s32_u32(vsubq_u32(vreinterpretq_u32_s32(a), vreinterpretq_u32_s32(b)));
}
INLINE vi and_bits(vi a, vi b) { return vandq_s32(a, b); }
INLINE vi or_bits(vi a, vi b) { return vorrq_s32(a, b); }
/** As x86 has it: a < b ? a : b, and b if either is NaN. */
INLINE vf smaller(vf a, vf b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
INLINE vf larger(vf a, vf b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
INLINE vf where_not_less(vf a, vf b, vf yes, vf no) { return vbslq_f32(vcgeq_f32(a, b), yes, no); }
INLINE vf where_less(vf a, vf b, vf yes, vf no) { return vbslq_f32(vcltq_f32(a, b), yes, no); }
INLINE vf fused(vf a, vf b, vf c) { return vfmaq_f32(c, a, b); }
INLINE v4f fused4(v4f a, v4f b, v4f c) { return vfmaq_f32(c, a, b); }

INLINE void interleave(const vf row[4], vf packed[4]) {
  for (int i = 0; i < 4; i++) packed[i] = row[i];
}

INLINE vf sum_groups(vf value) {
  const vf pairs = vaddq_f32(value, vextq_f32(value, value, 2));
  return vaddq_f32(pairs, vextq_f32(pairs, pairs, 1));
}

#endif

#if LOPT_LANES != 16
INLINE vf load_tail(const float *at, tail_mask mask) {
  (void)mask;
  return load(at);
}
INLINE void store_tail(float *at, vf value, tail_mask mask) {
  (void)mask;
  store(at, value);
}
#endif

/** a·b + c: rounded once, or, with LOPT_STRICT, twice. */
#if LOPT_STRICT
INLINE vf fma_of(vf a, vf b, vf c) { return a * b + c; }
INLINE v4f fma4_of(v4f a, v4f b, v4f c) { return a * b + c; }
#else
INLINE vf fma_of(vf a, vf b, vf c) { return fused(a, b, c); }
INLINE v4f fma4_of(v4f a, v4f b, v4f c) { return fused4(a, b, c); }
#endif

INLINE v4f load4(const float *at) {
  v4f value;
  memcpy(&value, at, sizeof value);
  return value;
}

/** Without its sign. */
INLINE vf magnitude_of(vf value) { return float_of(and_bits(bits_of(value), splat_int(0x7fffffff))); }
/** Its sign bit alone. */
INLINE vi sign_of(vf value) { return and_bits(bits_of(value), splat_int(INT32_MIN)); }

#endif
