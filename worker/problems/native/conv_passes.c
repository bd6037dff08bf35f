/**
 * Convolutional networks on images, with the bits of assembly/conv.ts, which says what the tables are. Layers are
 * narrow, so a register holds four columns of several rows, or of several inputs; each lane's sum goes on in the same
 * order as there.
 */
#include "arguments.h"
#include "elementary.h"
#include "groups.h"
#include "losses.h"
#include "matrices.h"
#include "passes.h"

INLINE float *moved(const float *from, int32_t bytes) { return (float *)((char *)from + bytes); }

/** (pixels, height, width, target, rowBytes): bytes as values byte/255. */
PASS(spread_pixels) {
  const uint8_t *pixels = BYTES(0);
  const ptrdiff_t height = COUNT(1), width = COUNT(2), row_length = ROW(4);
  float *target = FLOATS(3);
  for (ptrdiff_t row = 0; row < height; row++, pixels += width, target += row_length) {
    ptrdiff_t at = 0;
    for (; at + LOPT_LANES <= width; at += LOPT_LANES) store(target + at, bytes_at(pixels + at) / splat(255));
    for (; at < width; at++) target[at] = (float)pixels[at] / 255.0f;
  }
  return 0;
}

/** (weights, taps, channels, outputs, stride, target, pixelBytes) */
PASS(transpose) {
  const float *weights = FLOATS(0);
  const ptrdiff_t taps = COUNT(1), channels = COUNT(2), outputs = COUNT(3), row_length = ROW(4), pixel = ROW(6);
  float *target = FLOATS(5);
  for (ptrdiff_t tap = 0; tap < taps; tap++, target += outputs * pixel) {
    for (ptrdiff_t channel = 0; channel < channels; channel++, weights += row_length) {
      for (ptrdiff_t output = 0; output < outputs; output++) target[output * pixel + channel] = weights[output];
    }
  }
  return 0;
}

/** (bias, rows, target, places, stride) */
PASS(set_rows) {
  const float *bias = FLOATS(0), *target = FLOATS(2);
  const ptrdiff_t rows = COUNT(1), row_length = ROW(4);
  const int32_t *places = OFFSETS(3);
  for (ptrdiff_t row = 0; row < rows; row++) {
    float *to = moved(target, places[row]);
    for (ptrdiff_t column = 0; column < row_length; column += 4) store4(to + column, load4(bias + column));
  }
  return 0;
}

/**
 * Inputs of a row that follow one another, at most as many as a vector takes apart. `offset` is of as many floats that
 * end with the run: a shorter one is read from its end, since something always lies before it.
 */
struct run {
  int32_t offset;
  int length;
};

/** Runs that are found at a time. */
enum { RUNS = 64 };

/** Finds up to RUNS runs of up to `most` inputs; returns how many, and in `taken` how many inputs they have. */
static int find_runs(const int32_t *offsets, ptrdiff_t inputs, int most, struct run runs[RUNS], ptrdiff_t *taken) {
  int found = 0;
  ptrdiff_t from = 0;
  while (from < inputs && found < RUNS) {
    ptrdiff_t end = from + 1;
    while (end < inputs && end < from + most && offsets[end] == offsets[end - 1] + 4) end++;
    runs[found++] = (struct run){offsets[end - 1] - 4 * (most - 1), (int)(end - from)};
    from = end;
  }
  *taken = from;
  return found;
}

/** Registers of rows, and groups of columns, that are computed together at most: they hide the latency of a sum. */
enum { ROW_VECTORS = 4, COLUMN_GROUPS = 4 };

/** Rows of inputs by weights. */
struct product {
  const float *x, *target;
  const int32_t *patches, *places;
  ptrdiff_t rows;
  /** NULL if inputs follow one another. */
  const struct run *runs;
  int run_count;
  ptrdiff_t inputs;
  const float *weights;
  ptrdiff_t row_length;
};

/** Where GROUPS rows lie; the last one stands for those beyond the end. */
INLINE void places_of(const float *start, const int32_t *places, ptrdiff_t row, ptrdiff_t rows, ptrdiff_t column,
                      float *at[GROUPS]) {
  UNROLL for (int i = 0; i < GROUPS; i++) at[i] = moved(start, places[row + i < rows ? row + i : rows - 1]) + column;
}

INLINE struct run run_of(const struct product *p, int r) {
  if (p->runs) return p->runs[r];
  const ptrdiff_t end = 4 * r + 4 < p->inputs ? 4 * r + 4 : p->inputs;
  return (struct run){(int32_t)(4 * (end - 4)), (int)(end - 4 * r)};
}

/**
 * `vectors` registers of rows by `groups` groups of columns: target += x·W. If `apart`, the sum begins at 0 and is
 * added to the target at its end.
 */
INLINE void product_tile(const int vectors, const int groups, const int apart, const struct product *p, ptrdiff_t row,
                         ptrdiff_t column) {
  vf sum[ROW_VECTORS][COLUMN_GROUPS];
  float *x[ROW_VECTORS][GROUPS], *to[ROW_VECTORS][GROUPS];
  UNROLL for (int v = 0; v < vectors; v++) {
    places_of(p->x, p->patches, row + v * GROUPS, p->rows, 0, x[v]);
    places_of(p->target, p->places, row + v * GROUPS, p->rows, column, to[v]);
    UNROLL for (int g = 0; g < groups; g++) sum[v][g] = apart ? splat(0) : join_at(to[v], 4 * g);
  }
  const float *w = p->weights + column;
  for (int r = 0; r < p->run_count; r++) {
    const struct run run = run_of(p, r);
    vf inputs[ROW_VECTORS];
    UNROLL for (int v = 0; v < vectors; v++) inputs[v] = join_at(x[v], run.offset / 4);
    UNROLL for (int lane = 0; lane < 4; lane++) {
      if (lane < 4 - run.length) continue;
      UNROLL for (int v = 0; v < vectors; v++) {
        const vf value = spread(inputs[v], lane);
        UNROLL for (int g = 0; g < groups; g++) sum[v][g] = sum[v][g] + value * splat_group(w + 4 * g);
      }
      w += p->row_length;
    }
  }
  UNROLL for (int v = 0; v < vectors; v++) {
    const ptrdiff_t left = p->rows - row - v * GROUPS;
    UNROLL for (int g = 0; g < groups; g++) {
      if (apart) sum[v][g] = join_at(to[v], 4 * g) + sum[v][g];
      part_at(sum[v][g], to[v], 4 * g, 0, left < GROUPS ? (int)left : GROUPS);
    }
  }
}

/** All rows of `groups` groups of columns, up to `most` registers of rows at a time. */
INLINE void product_columns(const int most, const int groups, const int apart, const struct product *p,
                            ptrdiff_t column) {
  ptrdiff_t row = 0;
  for (; row + (most - 1) * GROUPS < p->rows; row += most * GROUPS) product_tile(most, groups, apart, p, row, column);
  for (; row < p->rows; row += GROUPS) product_tile(1, groups, apart, p, row, column);
}

INLINE void product(const int apart, const struct product *p) {
  for (ptrdiff_t column = 0; column < p->row_length; column += 4 * COLUMN_GROUPS) {
    switch ((p->row_length - column) / 4) {
      case 1: product_columns(4, 1, apart, p, column); break;
      case 2: product_columns(4, 2, apart, p, column); break;
      case 3: product_columns(2, 3, apart, p, column); break;
      default: product_columns(2, 4, apart, p, column); break;
    }
  }
}

/** (x, patches, rows, offsets, inputs, weights, target, places, stride): target += x·W. */
PASS(add_product) {
  const int32_t *offsets = OFFSETS(3);
  const ptrdiff_t inputs = COUNT(4), row_length = ROW(8);
  struct run runs[RUNS];
  struct product p = {.x = FLOATS(0), .patches = OFFSETS(1), .rows = COUNT(2), .target = FLOATS(6)};
  p.places = OFFSETS(7);
  p.row_length = row_length;
  p.runs = runs;
  for (ptrdiff_t input = 0; input < inputs;) {
    ptrdiff_t taken = 0;
    p.run_count = find_runs(offsets + input, inputs - input, 4, runs, &taken);
    p.weights = FLOATS(5) + input * row_length;
    product(0, &p);
    input += taken;
  }
  return 0;
}

/** (d, places, rows, outputs, transposed, taps, tapOffsets, dx, patches, pixelBytes): dx += d·Wᵀ, tap after tap. */
PASS(add_input_gradient) {
  const int32_t *tap_offsets = OFFSETS(6);
  const ptrdiff_t outputs = COUNT(3), taps = COUNT(5), pixel_length = ROW(9);
  struct product p = {.x = FLOATS(0), .patches = OFFSETS(1), .rows = COUNT(2), .inputs = outputs};
  p.run_count = (int)((outputs + 3) / 4);
  p.places = OFFSETS(8);
  p.row_length = pixel_length;
  for (ptrdiff_t tap = 0; tap < taps; tap++) {
    // the pixels of one tap differ from row to row
    p.target = moved(FLOATS(7), tap_offsets[tap]);
    p.weights = FLOATS(4) + tap * outputs * pixel_length;
    product(1, &p);
  }
  return 0;
}

/** Rows of inputs by rows of gradients. */
struct outer {
  const float *x, *d;
  const int32_t *patches, *places;
  ptrdiff_t rows, row_length;
};

/** Runs of inputs that are computed together at most. */
enum { OUTER_RUNS = 4 };

/** `count` runs by `groups` groups of columns: dW += xᵀ·d, row after row. */
INLINE void outer_tile(const int count, const int groups, const struct outer *o, const struct run *runs,
                       float *gradient) {
  vf sum[OUTER_RUNS][COLUMN_GROUPS];
  float *to[OUTER_RUNS][GROUPS];
  UNROLL for (int i = 0; i < count; i++) {
    UNROLL for (int k = 0; k < GROUPS; k++) {
      to[i][k] = gradient;
      // the groups before a short run have no row of their own
      if (k >= GROUPS - runs[i].length) gradient += o->row_length;
    }
    UNROLL for (int g = 0; g < groups; g++) sum[i][g] = join_at(to[i], 4 * g);
  }
  for (ptrdiff_t row = 0; row < o->rows; row++) {
    const float *d = moved(o->d, o->places[row]), *x = moved(o->x, o->patches[row]);
    UNROLL for (int i = 0; i < count; i++) {
      const vf value = fan(moved(x, runs[i].offset));
      UNROLL for (int g = 0; g < groups; g++) sum[i][g] = sum[i][g] + value * splat_group(d + 4 * g);
    }
  }
  UNROLL for (int i = 0; i < count; i++) {
    UNROLL for (int g = 0; g < groups; g++) part_at(sum[i][g], to[i], 4 * g, GROUPS - runs[i].length, GROUPS);
  }
}

INLINE void outer_columns(const int groups, const struct outer *o, const struct run *runs, int run_count,
                          float *gradient) {
  // tiles as equal as possible: a last one of a single run would wait for its sums
  const int tiles = (run_count + OUTER_RUNS - 1) / OUTER_RUNS;
  int run = 0;
  for (int tile = 0; tile < tiles; tile++) {
    const int count = (run_count - run + tiles - tile - 1) / (tiles - tile);
    switch (count) {
      case 1: outer_tile(1, groups, o, runs + run, gradient); break;
      case 2: outer_tile(2, groups, o, runs + run, gradient); break;
      case 3: outer_tile(3, groups, o, runs + run, gradient); break;
      default: outer_tile(OUTER_RUNS, groups, o, runs + run, gradient); break;
    }
    for (int i = 0; i < count; i++) gradient += runs[run++].length * o->row_length;
  }
}

/** (x, patches, rows, offsets, inputs, d, places, gradient, stride): dW += xᵀ·d. */
PASS(add_weight_gradient) {
  const int32_t *offsets = OFFSETS(3);
  const ptrdiff_t inputs = COUNT(4), row_length = ROW(8);
  struct outer o = {FLOATS(0), NULL, OFFSETS(1), OFFSETS(6), COUNT(2), row_length};
  for (ptrdiff_t input = 0; input < inputs;) {
    struct run runs[RUNS];
    ptrdiff_t taken = 0;
    const int count = find_runs(offsets + input, inputs - input, GROUPS, runs, &taken);
    for (ptrdiff_t column = 0; column < row_length; column += 4 * COLUMN_GROUPS) {
      float *gradient = FLOATS(7) + input * row_length + column;
      o.d = FLOATS(5) + column;
      switch ((row_length - column) / 4) {
        case 1: outer_columns(1, &o, runs, count, gradient); break;
        case 2: outer_columns(2, &o, runs, count, gradient); break;
        case 3: outer_columns(3, &o, runs, count, gradient); break;
        default: outer_columns(COLUMN_GROUPS, &o, runs, count, gradient); break;
      }
    }
    input += taken;
  }
  return 0;
}

/** (d, rows, places, bias, stride): db += Σ d. */
PASS(add_bias_gradient) {
  const float *d = FLOATS(0);
  const ptrdiff_t rows = COUNT(1), row_length = ROW(4);
  const int32_t *places = OFFSETS(2);
  float *bias = FLOATS(3);
  for (ptrdiff_t column = 0; column < row_length; column += LOPT_LANES) {
    const ptrdiff_t left = row_length - column;
    vf sum = load_columns(bias + column, left);
    for (ptrdiff_t row = 0; row < rows; row++) sum = sum + load_columns(moved(d, places[row]) + column, left);
    store_columns(bias + column, sum, left);
  }
  return 0;
}

/** (d, activations, bytes): 0 where relu's result is not positive. */
PASS(mask_by_relu) {
  float *d = FLOATS(0);
  const float *activations = FLOATS(1);
  const ptrdiff_t length = ROW(2);
  for (ptrdiff_t at = 0; at < length; at += LOPT_LANES) {
    const ptrdiff_t left = length - at;
    const vf slope = where_less(splat(0), load_columns(activations + at, left), load_columns(d + at, left), splat(0));
    store_columns(d + at, slope, left);
  }
  return 0;
}

pass_list TABLE(conv_passes) = {
    {"pack", "pnnpn", pack},
    {"unpack", "pnnnp", unpack},
    {"spreadPixels", "pnnpn", spread_pixels},
    {"transpose", "pnnnnpn", transpose},
    {"setRows", "pnppn", set_rows},
    {"addProduct", "ppnpnpppn", add_product},
    {"addWeightGradient", "ppnpnpppn", add_weight_gradient},
    {"addBiasGradient", "pnppn", add_bias_gradient},
    {"addInputGradient", "ppnnpnpppn", add_input_gradient},
    {"activate", "npn", activate},
    {"maskByRelu", "ppn", mask_by_relu},
    {"crossEntropy", "pnnnpf", cross_entropy},
    {"crossEntropyCurvature", "ppnnpf", cross_entropy_curvature},
    {NULL, NULL, NULL},
};
