/** Random numbers of the fuzz programs: the same on every machine, from whole numbers and exact operations alone. */
#ifndef LOPT_DRAWS_H
#define LOPT_DRAWS_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

struct draws {
  uint64_t state;
};

/** SplitMix64 (Steele, Lea, Flood 2014). */
static inline uint64_t draw(struct draws *draws) {
  uint64_t z = draws->state += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

static inline int below(struct draws *draws, int bound) { return (int)((draw(draws) >> 32) % (uint64_t)bound); }

/** From 1 to `most`, few more often than many. */
static inline int few(struct draws *draws, int most) {
  const int one = 1 + below(draws, most), other = 1 + below(draws, most);
  return one < other ? one : other;
}

/** Values that a running window can meet at its edges, and some that it should not. */
static const float EDGES[] = {0, -0.0f, 1e-45f, -1e-39f, 4.5399931e-5f, 6.73794700e-3f, 1e30f, -3e38f, INFINITY, -INFINITY, NAN};

/** An edge, of the finite ones alone unless `any`. */
static inline float edge(struct draws *draws, int any) {
  const int count = sizeof EDGES / sizeof *EDGES;
  return EDGES[below(draws, any ? count : count - 3)];
}

/** Fills with values of about this size: sums of four uniform ones, so that few are large. */
static inline void fill(struct draws *draws, float *to, size_t length, float size) {
  for (size_t i = 0; i < length; i++) {
    const uint64_t bits = draw(draws);
    int32_t sum = 0;
    for (int part = 0; part < 4; part++) sum += (int32_t)(bits >> (16 * part) & 0xffff) - 0x8000;
    to[i] = (float)sum * 0x1p-16f * size;
  }
}

#endif
