/** Rows of columns: multiples of 4 floats, so that the last vector of a row may hold fewer than a register does. */
#ifndef LOPT_COLUMNS_H
#define LOPT_COLUMNS_H

#include "../../devices/native/vectors.h"

/** The first `left` of a vector's lanes, a multiple of 4; the others are 0. */
INLINE vf load_columns(const float *at, ptrdiff_t left) {
#if LOPT_LANES == 16
  return load_tail(at, tail_of(left));
#elif LOPT_LANES == 8
  return left >= 8 ? load(at) : _mm256_zextps128_ps256(_mm_loadu_ps(at));
#else
  (void)left;
  return load(at);
#endif
}

INLINE void store_columns(float *at, vf value, ptrdiff_t left) {
#if LOPT_LANES == 16
  store_tail(at, value, tail_of(left));
#elif LOPT_LANES == 8
  if (left >= 8) store(at, value);
  else _mm_storeu_ps(at, _mm256_castps256_ps128(value));
#else
  (void)left;
  store(at, value);
#endif
}

INLINE void store4(float *at, v4f value) { memcpy(at, &value, sizeof value); }

/** The first lanes of a vector: the others become 0. */
INLINE vf first_lanes(vf value, ptrdiff_t lanes) {
  static const int32_t MASKS[32] = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
  if (lanes >= LOPT_LANES) return value;
  float mask[LOPT_LANES];
  memcpy(mask, MASKS + 16 - (lanes < 0 ? 0 : lanes), sizeof mask);
  return float_of(and_bits(bits_of(value), bits_of(load(mask))));
}

/** Groups of four columns that are computed together at most. */
#define STRIP_GROUPS (LOPT_LANES == 16 ? 16 : LOPT_LANES == 8 ? 6 : 5)

typedef float v8f __attribute__((vector_size(32)));

/**
 * Some groups of a row, their number a constant: whole vectors, then eight columns and four. No vector reaches beyond
 * its columns, not even masked: what lies there may just have been stored, and a load that overlaps it would wait.
 */
struct strip {
  vf whole[STRIP_GROUPS / GROUPS + 1];
  v8f eight;
  v4f four;
};

INLINE struct strip load_strip(const int groups, const float *at) {
  struct strip strip;
  UNROLL for (int v = 0; v < groups / GROUPS; v++) strip.whole[v] = load(at + v * LOPT_LANES);
  if (groups % GROUPS >= 2) memcpy(&strip.eight, at + groups / GROUPS * LOPT_LANES, sizeof strip.eight);
  if (groups % GROUPS % 2) strip.four = load4(at + 4 * groups - 4);
  return strip;
}

INLINE void store_strip(const int groups, float *at, struct strip strip) {
  UNROLL for (int v = 0; v < groups / GROUPS; v++) store(at + v * LOPT_LANES, strip.whole[v]);
  if (groups % GROUPS >= 2) memcpy(at + groups / GROUPS * LOPT_LANES, &strip.eight, sizeof strip.eight);
  if (groups % GROUPS % 2) store4(at + 4 * groups - 4, strip.four);
}

/** sum + x·row. */
INLINE struct strip add_scaled(const int groups, struct strip sum, float x, struct strip row) {
  UNROLL for (int v = 0; v < groups / GROUPS; v++) sum.whole[v] = sum.whole[v] + splat(x) * row.whole[v];
  if (groups % GROUPS >= 2) sum.eight = sum.eight + x * row.eight;
  if (groups % GROUPS % 2) sum.four = sum.four + x * row.four;
  return sum;
}

#define STRIP(groups, tile, ...)                                                             \
  case groups:                                                                               \
    tile(groups < STRIP_GROUPS ? groups : STRIP_GROUPS, column, __VA_ARGS__);                \
    break;

/** Calls `tile(groups, column, …)` for every strip of `columns`; the number of groups is a constant in each call. */
#define EACH_STRIP(columns, tile, ...)                                                       \
  for (ptrdiff_t column = 0; column < (columns); column += 4 * STRIP_GROUPS) {               \
    const ptrdiff_t left = ((columns) - column) / 4;                                         \
    switch (left < STRIP_GROUPS ? left : STRIP_GROUPS) {                                     \
      STRIP(1, tile, __VA_ARGS__) STRIP(2, tile, __VA_ARGS__) STRIP(3, tile, __VA_ARGS__)    \
      STRIP(4, tile, __VA_ARGS__) STRIP(5, tile, __VA_ARGS__)                                \
      FROM_SIX(tile, __VA_ARGS__)                                                            \
    }                                                                                        \
  }

#if LOPT_LANES == 16
#define FROM_SIX(tile, ...)                                                                  \
  STRIP(6, tile, __VA_ARGS__) STRIP(7, tile, __VA_ARGS__) STRIP(8, tile, __VA_ARGS__)        \
  STRIP(9, tile, __VA_ARGS__) STRIP(10, tile, __VA_ARGS__) STRIP(11, tile, __VA_ARGS__)      \
  STRIP(12, tile, __VA_ARGS__) STRIP(13, tile, __VA_ARGS__) STRIP(14, tile, __VA_ARGS__)     \
  STRIP(15, tile, __VA_ARGS__) STRIP(16, tile, __VA_ARGS__)
#elif LOPT_LANES == 8
#define FROM_SIX(tile, ...) STRIP(6, tile, __VA_ARGS__)
#else
#define FROM_SIX(tile, ...)
#endif

/** (l0 + l1) + (l2 + l3). */
INLINE float sum_lanes(v4f value) { return (value[0] + value[1]) + (value[2] + value[3]); }

#endif
