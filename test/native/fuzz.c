/**
 * Calls the passes of the LSTM's native kernels with random networks, windows and values, every array in a block of exactly
 * its size, so that a sanitizer sees whatever is touched beside them:
 *
 *     fuzz FIRST COUNT
 *
 * All instruction sets of the processor must give the same bits for one arithmetic. Prints a hash of the results of the
 * fused and of the strict arithmetic; the sum of the hashes of some shapes is the hash of all of them.
 */
#include "../../worker/architectures/lstm/native/lstm.h"
#include "../../worker/devices/native/instructions.h"
#include "draws.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct implementation {
  const char *name;
  enum instructions set;
  const struct lstm_passes *passes[2];
};

#if defined(__x86_64__)
extern const struct lstm_passes lstm_avx512, lstm_avx512_strict, lstm_avx2, lstm_avx2_strict;
static const struct implementation IMPLEMENTATIONS[] = {
    {"avx512", AVX512, {&lstm_avx512, &lstm_avx512_strict}},
    {"avx2", AVX2, {&lstm_avx2, &lstm_avx2_strict}},
};
#else
extern const struct lstm_passes lstm_neon, lstm_neon_strict;
static const struct implementation IMPLEMENTATIONS[] = {{"neon", NEON, {&lstm_neon, &lstm_neon_strict}}};
#endif

enum { SETS = sizeof IMPLEMENTATIONS / sizeof *IMPLEMENTATIONS, MAX_LAYERS = 3 };

/** A network, and a window of a block. */
struct shape {
  enum lstm_inputs inputs;
  int layers, units[MAX_LAYERS], width, steps, has_extra;
  /** Floats from one step's gradients to the next's. */
  int stride;
  float output_scale, phi_size, gradient_size, slope_limit;
  int edges;
  /** Of LogAndSign's p: e^−p, 1/p and e^p. */
  const float *p_numbers;
};

/** Those of 10, 5 and 7.5: from tables, since a library's exp differs from machine to machine. */
static const float P_NUMBERS[][3] = {
    {4.5399931e-5f, 0.1f, 22026.4658f},
    {6.73794700e-3f, 0.2f, 148.413162f},
    {5.53084363e-4f, 0.133333334f, 1808.04236f},
};

/** From 1 to `most`, few more often than many. */
static int few(struct draws *draws, int most) {
  const int one = 1 + below(draws, most), other = 1 + below(draws, most);
  return one < other ? one : other;
}

static struct shape draw_shape(struct draws *draws) {
  // one draw a statement: within one their order would be the compiler's
  struct shape shape = {0};
  shape.inputs = (enum lstm_inputs)below(draws, 4);
  shape.layers = 1 + below(draws, MAX_LAYERS);
  const int is_odd = below(draws, 8) == 0;
  for (int l = 0; l < shape.layers; l++) shape.units[l] = is_odd ? 2 * few(draws, 20) - 1 : few(draws, 23);
  shape.width = 8 * few(draws, 8);
  shape.steps = few(draws, 12);
  shape.stride = shape.width + 8 * below(draws, 3);
  shape.has_extra = below(draws, 2);
  shape.output_scale = below(draws, 2) ? 1 : 0.1f;
  shape.p_numbers = P_NUMBERS[below(draws, 3)];
  // untrained weights are small; trained ones saturate gates
  shape.phi_size = (const float[]){0.1f, 1, 6}[below(draws, 3)];
  shape.gradient_size = (const float[]){1e-6f, 1, 100}[below(draws, 3)];
  shape.slope_limit = below(draws, 2) ? 0.5f : 0;
  // a NaN or an infinity soon reaches every result of its coordinate and all of dφ, so most shapes have none
  shape.edges = below(draws, 6);
  return shape;
}

/** The arrays of a shape: freed together. */
struct arrays {
  struct draws draws;
  /** Every byte of what is not yet written: another for each instruction set, so that reading it is seen. */
  int poison;
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

static float *copy_of(struct arrays *arrays, const float *from, size_t length) {
  return memcpy(new_array(arrays, length), from, length * sizeof(float));
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

static float *new_values(struct arrays *arrays, struct draws *draws, const struct shape *shape, size_t length, float size) {
  float *values = new_array(arrays, length);
  fill(draws, values, length, size);
  if (shape->edges > 2 && below(draws, 4) == 0) {
    float *value = &values[below(draws, (int)length)];
    *value = edge(draws, shape->edges == 5);
  }
  return values;
}

/** Puts a part of the network into a block of exactly its size. */
static void fit(float **part, size_t length) {
  float *exact = malloc(length * sizeof(float));
  if (!exact) abort();
  memcpy(exact, *part, length * sizeof(float));
  free(*part);
  *part = exact;
}

static struct lstm *new_network(const struct shape *shape, const float *phi) {
  struct lstm *network =
      lstm_create(shape->inputs, shape->output_scale, shape->p_numbers, shape->units, shape->layers);
  if (!network) abort();
  lstm_load_phi(network, phi);
  int widest = 0;
  for (int l = 0; l < shape->layers; l++) {
    struct lstm_layer *layer = &network->layer[l];
    const int below = layer->below, units = layer->units;
    fit(&layer->forward, (size_t)4 * units * (below + units + 1));
    fit(&layer->backward, (size_t)4 * units * ((below + 3) / 4 * 4 + (units + 3) / 4 * 4));
    if (units > widest) widest = units;
  }
  const int chunk = shape->steps < LSTM_CHUNK ? shape->steps : LSTM_CHUNK;
  fit(&network->output, (size_t)shape->units[shape->layers - 1] + 1);
  fit(&network->packed, (size_t)4 * widest * chunk * shape->width);
  return network;
}

static size_t phi_length(const struct shape *shape) {
  int below = shape->inputs == LSTM_RAW ? 1 : shape->inputs == LSTM_BOTH ? 4 : 2;
  size_t length = 0;
  for (int l = 0; l < shape->layers; l++) {
    length += (size_t)4 * shape->units[l] * (below + shape->units[l] + 1);
    below = shape->units[l];
  }
  return length + below + 1;
}

/** What a window is computed from, and its records. */
struct window {
  const struct shape *shape;
  const struct lstm_passes *passes;
  struct lstm *network;
  /** Floats of a record and of a state. */
  size_t record_length, state_length;
  float *gradients, *records;
};

static void go_forward(struct window *window, struct arrays *arrays, float *state, struct results *results) {
  const size_t width = (size_t)window->shape->width, length = window->record_length;
  const size_t inputs = (size_t)window->network->input_rows * width;
  memcpy(window->records + inputs, state, window->state_length * sizeof(float));
  const int keep = arrays->count;
  for (int s = 0; s < window->shape->steps; s++) {
    const float *gradient = copy_of(arrays, window->gradients + (size_t)s * window->shape->stride, width);
    const float *before = copy_of(arrays, window->records + s * length + inputs, window->state_length);
    float *after = new_array(arrays, length);
    float *updates = new_array(arrays, width);
    window->passes->forward_block(window->network, gradient, before, after, updates, window->shape->width);
    record(results, updates, width);
    // its last row is for the backward pass
    record(results, after, length - width);
    memcpy(window->records + (s + 1) * length, after, length * sizeof(float));
    free_last(arrays, keep);
  }
}

static void go_backward(struct window *window, struct arrays *arrays, struct draws *draws, struct results *results) {
  const struct shape *shape = window->shape;
  const size_t width = (size_t)shape->width, length = window->record_length, steps = (size_t)shape->steps;
  const int keep = arrays->count;
  float *records = copy_of(arrays, window->records, (steps + 1) * length);
  const float *weights = new_values(arrays, draws, shape, steps, 1);
  const float *extra =
      shape->has_extra ? new_values(arrays, draws, shape, (steps - 1) * (size_t)shape->stride + width, 1) : NULL;
  float *scratch = new_array(arrays, width + window->state_length);
  float *dphi = new_values(arrays, draws, shape, (size_t)window->network->phi_length, 1);
  window->passes->backward_block(window->network, records, shape->steps, window->gradients, (size_t)shape->stride, weights,
                                 extra, scratch, dphi, shape->width);
  record(results, records + length, steps * length);
  record(results, dphi, (size_t)window->network->phi_length);
  free_last(arrays, keep);
}

/** The steps of the backward pass that second derivatives come between. */
static void step_backward(struct window *window, struct arrays *arrays, struct draws *draws, struct results *results) {
  const struct shape *shape = window->shape;
  const size_t width = (size_t)shape->width, length = window->record_length;
  const size_t inputs = (size_t)window->network->input_rows * width;
  float *dphi = new_values(arrays, draws, shape, (size_t)window->network->phi_length, 1);
  float *carry = new_array(arrays, window->state_length);
  memset(carry, 0, window->state_length * sizeof(float));
  const int keep = arrays->count;
  for (int s = shape->steps - 1; s >= 0; s--) {
    // this record and the one before
    float *pair = copy_of(arrays, window->records + s * length, 2 * length);
    const float *slope = new_values(arrays, draws, shape, width, 1);
    const float *gradient = copy_of(arrays, window->gradients + (size_t)s * shape->stride, width);
    float *input_slope = new_array(arrays, width);
    float *scratch = new_array(arrays, inputs);
    window->passes->backward_step(window->network, pair + length, slope, carry, gradient, input_slope, shape->slope_limit,
                                  scratch, shape->width);
    record(results, input_slope, width);
    record(results, carry, window->state_length);
    memcpy(window->records + (s + 1) * length, pair + length, length * sizeof(float));
    if (s % LSTM_CHUNK == 0) {
      const int some = shape->steps - s < LSTM_CHUNK ? shape->steps - s : LSTM_CHUNK;
      const float *chunk = copy_of(arrays, window->records + s * length, ((size_t)some + 1) * length);
      window->passes->weight_gradients(window->network, chunk, some, dphi, shape->width);
    }
    free_last(arrays, keep);
  }
  record(results, dphi, (size_t)window->network->phi_length);
}

/** All that one implementation makes of a shape. */
static void compute(const struct shape *shape, struct draws draws, int set, int strict, struct results *results) {
  struct arrays arrays = {.draws = {draws.state + (uint64_t)(2 * set + strict)}, .poison = 0x40 + set};
  const float *phi = new_values(&arrays, &draws, shape, phi_length(shape), shape->phi_size);
  struct lstm *network = new_network(shape, phi);
  if ((size_t)network->phi_length != phi_length(shape)) abort();
  struct window window = {
      .shape = shape,
      .passes = IMPLEMENTATIONS[set].passes[strict],
      .network = network,
      .record_length = (size_t)network->record_rows * (size_t)shape->width,
      .state_length = (size_t)network->state_rows * (size_t)shape->width,
  };
  window.gradients = new_values(&arrays, &draws, shape, (size_t)shape->steps * (size_t)shape->stride + (size_t)shape->width,
                                shape->gradient_size);
  window.records = new_array(&arrays, ((size_t)shape->steps + 1) * window.record_length);
  float *state = new_values(&arrays, &draws, shape, window.state_length, 1);
  // RNNProp's moments are means of squares
  for (size_t i = (size_t)network->moments_at * (size_t)shape->width; i < window.state_length; i++) state[i] = fabsf(state[i]);
  results->length = 0;
  go_forward(&window, &arrays, state, results);
  go_backward(&window, &arrays, &draws, results);
  step_backward(&window, &arrays, &draws, results);
  free_last(&arrays, 0);
  lstm_free(network);
}

static void describe(const struct shape *shape) {
  static const char *const inputs[] = {"none", "log-and-sign", "rnnprop", "both"};
  fprintf(stderr, "inputs %s, layers", inputs[shape->inputs]);
  for (int l = 0; l < shape->layers; l++) fprintf(stderr, " %d", shape->units[l]);
  fprintf(stderr, ", width %d, steps %d, extra %d\n", shape->width, shape->steps, shape->has_extra);
}

static uint64_t hash_of(uint64_t seed, const struct results *results) {
  uint64_t hash = seed;
  for (size_t i = 0; i < results->length; i++) {
    hash = (hash ^ results->words[i]) * UINT64_C(0x9e3779b97f4a7c15);
    hash ^= hash >> 32;
  }
  return hash;
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: fuzz FIRST COUNT\n");
    return 2;
  }
  const long first = atol(argv[1]), count = atol(argv[2]);
  static const char *const arithmetics[] = {"fused", "strict"};
  struct results results[2] = {{0}};
  uint64_t hashes[2] = {0};
  int sets = 0;
  for (int set = 0; set < SETS; set++) sets += has_instructions(IMPLEMENTATIONS[set].set);
  if (sets == 0) {
    fprintf(stderr, "this processor has none of the instruction sets\n");
    return 2;
  }
  for (long index = first; index < first + count; index++) {
    struct draws draws = {(uint64_t)index << 32};
    const struct shape shape = draw_shape(&draws);
    for (int strict = 0; strict < 2; strict++) {
      const char *reference = NULL;
      for (int set = 0; set < SETS; set++) {
        const struct implementation *implementation = &IMPLEMENTATIONS[set];
        if (!has_instructions(implementation->set)) continue;
        struct results *own = &results[reference != NULL];
        compute(&shape, draws, set, strict, own);
        if (!reference) {
          reference = implementation->name;
          continue;
        }
        const size_t bytes = own->length * sizeof *own->words;
        if (own->length == results[0].length && memcmp(own->words, results[0].words, bytes) == 0) continue;
        fprintf(stderr, "shape %ld, %s: %s and %s differ: ", index, arithmetics[strict], reference, implementation->name);
        describe(&shape);
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
