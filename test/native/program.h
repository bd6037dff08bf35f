/**
 * What the fuzz programs share: arrays in blocks of exactly their sizes, so that a sanitizer sees whatever is touched beside
 * them, and the loop over shapes, arithmetics and instruction sets.
 *
 *     PROGRAM FIRST COUNT
 *
 * All instruction sets of the processor must give the same bits for one arithmetic. Prints a hash of the results of the
 * fused and of the strict arithmetic; the sum of the hashes of some shapes is the hash of all of them.
 */
#ifndef LOPT_PROGRAM_H
#define LOPT_PROGRAM_H

#include "../../worker/devices/native/instructions.h"
#include "draws.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** The passes of one instruction set, fused and strict. */
struct implementation {
  const char *name;
  enum instructions set;
  const void *passes[2];
};

/** Declares IMPLEMENTATIONS, the passes of `struct TABLE_passes` for this processor. */
#if defined(__x86_64__)
#define DECLARE_IMPLEMENTATIONS(table)                                                                     \
  extern const struct table##_passes table##_avx512, table##_avx512_strict, table##_avx2, table##_avx2_strict; \
  static const struct implementation IMPLEMENTATIONS[] = {                                                 \
      {"avx512", AVX512, {&table##_avx512, &table##_avx512_strict}},                                       \
      {"avx2", AVX2, {&table##_avx2, &table##_avx2_strict}},                                               \
  };
#else
#define DECLARE_IMPLEMENTATIONS(table)                             \
  extern const struct table##_passes table##_neon, table##_neon_strict; \
  static const struct implementation IMPLEMENTATIONS[] = {{"neon", NEON, {&table##_neon, &table##_neon_strict}}};
#endif

/** The arrays of a shape: freed together. */
struct arrays {
  struct draws draws;
  /** Every byte of what is not yet written: another for each instruction set, so that reading it is seen. */
  int poison;
  /** Whether arrays of values may have one of EDGES: from 3 on the finite ones, and at 5 any. */
  int edges;
  void *block[256];
  int count;
};

/** An array that ends with its block, aligned to 16 bytes or to no more than 4. */
static float *new_array(struct arrays *arrays, size_t length) {
  const size_t shift = below(&arrays->draws, 2) ? 0 : 4 * (size_t)(1 + below(&arrays->draws, 3));
  char *block = malloc(length * sizeof(float) + shift);
  if (!block || arrays->count == sizeof arrays->block / sizeof *arrays->block) abort();
  arrays->block[arrays->count++] = block;
  return memset(block + shift, arrays->poison, length * sizeof(float));
}

/** Fills a part of an array with values of about this size, and perhaps an edge; returns it. */
static float *put_values(const struct arrays *arrays, struct draws *draws, float *to, size_t length, float size) {
  fill(draws, to, length, size);
  if (arrays->edges > 2 && below(draws, 4) == 0) {
    float *value = &to[below(draws, (int)length)];
    *value = edge(draws, arrays->edges == 5);
  }
  return to;
}

static float *new_values(struct arrays *arrays, struct draws *draws, size_t length, float size) {
  return put_values(arrays, draws, new_array(arrays, length), length, size);
}

static void free_last(struct arrays *arrays, int keep) {
  while (arrays->count > keep) free(arrays->block[--arrays->count]);
}

/** Everything that was computed, bit by bit, in order. */
struct results {
  uint32_t *words;
  size_t length, capacity;
};

static void record(struct results *results, const float *values, size_t length) {
  if (results->length + length > results->capacity) {
    results->capacity = 2 * (results->length + length);
    results->words = realloc(results->words, results->capacity * sizeof *results->words);
    if (!results->words) abort();
  }
  uint32_t *words = results->words + results->length;
  memcpy(words, values, length * sizeof *words);
  // processors differ in the sign and the payload of a NaN
  for (size_t i = 0; i < length; i++) words[i] = (words[i] & 0x7fffffff) > 0x7f800000 ? 0x7fc00000 : words[i];
  results->length += length;
}

static uint64_t hash_of(uint64_t seed, const struct results *results) {
  uint64_t hash = seed;
  for (size_t i = 0; i < results->length; i++) {
    hash = (hash ^ results->words[i]) * UINT64_C(0x9e3779b97f4a7c15);
    hash ^= hash >> 32;
  }
  return hash;
}

/** What is done with each shape; both draw it from the same draws. */
struct program {
  /** Calls all passes of one implementation. */
  void (*compute)(const void *passes, struct draws draws, struct arrays *arrays, struct results *results);
  /** Says a shape on stderr, in a line. */
  void (*describe)(struct draws draws);
};

/** The main function of a program. */
static int run(const struct program *program, const struct implementation *implementations, int sets, int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: %s FIRST COUNT\n", argv[0]);
    return 2;
  }
  const long first = atol(argv[1]), count = atol(argv[2]);
  static const char *const arithmetics[] = {"fused", "strict"};
  struct results results[2] = {{0}};
  uint64_t hashes[2] = {0};
  int available = 0;
  for (int set = 0; set < sets; set++) available += has_instructions(implementations[set].set);
  if (available == 0) {
    fprintf(stderr, "this processor has none of the instruction sets\n");
    return 2;
  }
  for (long index = first; index < first + count; index++) {
    const struct draws draws = {(uint64_t)index << 32};
    for (int strict = 0; strict < 2; strict++) {
      const char *reference = NULL;
      for (int set = 0; set < sets; set++) {
        const struct implementation *implementation = &implementations[set];
        if (!has_instructions(implementation->set)) continue;
        struct results *own = &results[reference != NULL];
        struct arrays arrays = {.draws = {~draws.state + (uint64_t)(2 * set + strict)}, .poison = 0x40 + set};
        own->length = 0;
        program->compute(implementation->passes[strict], draws, &arrays, own);
        free_last(&arrays, 0);
        if (!reference) {
          reference = implementation->name;
          continue;
        }
        const size_t bytes = own->length * sizeof *own->words;
        if (own->length == results[0].length && memcmp(own->words, results[0].words, bytes) == 0) continue;
        fprintf(stderr, "shape %ld, %s: %s and %s differ: ", index, arithmetics[strict], reference, implementation->name);
        program->describe(draws);
        return 1;
      }
      hashes[strict] += hash_of((uint64_t)index, &results[0]);
    }
  }
  for (int strict = 0; strict < 2; strict++) printf("%s %016llx\n", arithmetics[strict], (unsigned long long)hashes[strict]);
  free(results[0].words);
  free(results[1].words);
  return 0;
}

#endif
