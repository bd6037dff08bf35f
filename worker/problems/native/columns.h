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

/** Vectors of a row that are computed together. */
#define TILE_VECTORS (LOPT_LANES == 16 ? 4 : LOPT_LANES == 8 ? 3 : 5)

/** Vector v of `vectors`, of which the last has `left` lanes. */
INLINE vf load_column(const float *at, int v, int vectors, ptrdiff_t left) {
  return v == vectors - 1 ? load_columns(at + v * LOPT_LANES, left) : load(at + v * LOPT_LANES);
}

INLINE void store_column(float *at, vf value, int v, int vectors, ptrdiff_t left) {
  if (v == vectors - 1) store_columns(at + v * LOPT_LANES, value, left);
  else store(at + v * LOPT_LANES, value);
}

/**
 * Calls `tile(vectors, left, column, …)` for every `TILE_VECTORS` vectors of `columns`; their number is a constant in each
 * call, and so is whether the last one is whole: `left` is LOPT_LANES then.
 */
#define EACH_TILE(columns, tile, ...)                                                     \
  for (ptrdiff_t column = 0; column < (columns); column += TILE_VECTORS * LOPT_LANES) {  \
    const ptrdiff_t rest = (columns) - column;                                           \
    if (rest >= TILE_VECTORS * LOPT_LANES) {                                             \
      tile(TILE_VECTORS, LOPT_LANES, column, __VA_ARGS__);                               \
      continue;                                                                          \
    }                                                                                    \
    const ptrdiff_t left = (rest - 1) % LOPT_LANES + 1;                                  \
    switch ((rest + LOPT_LANES - 1) / LOPT_LANES) {                                      \
      case 1: tile(1, left, column, __VA_ARGS__); break;                                 \
      case 2: tile(2, left, column, __VA_ARGS__); break;                                 \
      case 3: tile(TILE_VECTORS < 3 ? 1 : 3, left, column, __VA_ARGS__); break;          \
      case 4: tile(TILE_VECTORS < 4 ? 1 : 4, left, column, __VA_ARGS__); break;          \
      default: tile(TILE_VECTORS, left, column, __VA_ARGS__); break;                     \
    }                                                                                    \
  }

/** (l0 + l1) + (l2 + l3). */
INLINE float sum_lanes(v4f value) { return (value[0] + value[1]) + (value[2] + value[3]); }

#endif
