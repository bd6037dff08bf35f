/** Dense networks on images, with the bits of assembly/dense.ts, losses.ts and dense-hessian.ts. */
#include "arguments.h"
#include "elementary.h"
#include "losses.h"
#include "matrices.h"
#include "passes.h"

/** An input that is not 0: the offset of its row of weights, in bytes, and its value. */
struct entry {
  int32_t offset;
  float value;
};

/** (images, count, pixels, stride, ends, entries): the pixels that are not 0. `ends` are addresses. */
PASS(list_pixels) {
  const uint8_t *image = BYTES(0);
  const ptrdiff_t count = COUNT(1), pixels = COUNT(2), stride = COUNT(3);
  uint32_t *ends = (uint32_t *)(memory + (size_t)arguments[4]);
  uint32_t at = ADDRESS(5);
  for (ptrdiff_t row = 0; row < count; row++, image += pixels) {
    for (ptrdiff_t pixel = 0; pixel < pixels; pixel++) {
      if (image[pixel] == 0) continue;
      const struct entry found = {(int32_t)(pixel * stride), (float)image[pixel] / 255.0f};
      memcpy(memory + at, &found, sizeof found);
      at += sizeof found;
    }
    ends[row] = at;
  }
  return 0;
}

/** (a, count, inputs, aStride, stride, ends, entries): the activations that are not 0. */
PASS(list_activations) {
  const float *a = FLOATS(0);
  const ptrdiff_t count = COUNT(1), inputs = COUNT(2), row_length = ROW(3), stride = COUNT(4);
  uint32_t *ends = (uint32_t *)(memory + (size_t)arguments[5]);
  uint32_t at = ADDRESS(6);
  for (ptrdiff_t row = 0; row < count; row++, a += row_length) {
    for (ptrdiff_t input = 0; input < inputs; input++) {
      if (a[input] == 0) continue;
      const struct entry found = {(int32_t)(input * stride), a[input]};
      memcpy(memory + at, &found, sizeof found);
      at += sizeof found;
    }
    ends[row] = at;
  }
  return 0;
}

/** Images whose sums run side by side: one alone waits for every addition. */
enum { IMAGES = 4 };

/** The entries of up to four images. */
struct lists {
  const struct entry *first[IMAGES];
  ptrdiff_t length[IMAGES];
};

INLINE void multiply_tile(const int vectors, const ptrdiff_t left, ptrdiff_t column, const int images,
                          const struct lists *lists, const char *weights, const float *start, ptrdiff_t step, float *z,
                          ptrdiff_t row_length) {
  const char *w = weights + column * (ptrdiff_t)sizeof(float);
  vf sum[IMAGES][TILE_VECTORS];
  UNROLL for (int i = 0; i < images; i++) {
    UNROLL for (int v = 0; v < vectors; v++) sum[i][v] = load_column(start + i * step + column, v, vectors, left);
  }
  ptrdiff_t common = lists->length[0];
  for (int i = 1; i < images; i++) common = lists->length[i] < common ? lists->length[i] : common;
  for (ptrdiff_t at = 0; at < common; at++) {
    UNROLL for (int i = 0; i < images; i++) {
      const struct entry entry = lists->first[i][at];
      const float *row = (const float *)(w + entry.offset);
      const vf x = splat(entry.value);
      UNROLL for (int v = 0; v < vectors; v++) sum[i][v] = sum[i][v] + x * load_column(row, v, vectors, left);
    }
  }
  UNROLL for (int i = 0; i < images; i++) {
    for (ptrdiff_t at = common; at < lists->length[i]; at++) {
      const struct entry entry = lists->first[i][at];
      const float *row = (const float *)(w + entry.offset);
      const vf x = splat(entry.value);
      UNROLL for (int v = 0; v < vectors; v++) sum[i][v] = sum[i][v] + x * load_column(row, v, vectors, left);
    }
    UNROLL for (int v = 0; v < vectors; v++) store_column(z + i * row_length + column, sum[i][v], v, vectors, left);
  }
}

/** z = x·W + start, x as listed, where the next image starts `step` further. */
static void multiply(const char *memory, uint32_t ends_at, uint32_t entries, ptrdiff_t count, const char *weights,
                     const float *start, ptrdiff_t step, float *z, ptrdiff_t row_length) {
  const uint32_t *ends = (const uint32_t *)(memory + ends_at);
  ptrdiff_t image = 0;
  while (image < count) {
    struct lists lists;
    const int images = count - image >= IMAGES ? IMAGES : 1;
    for (int i = 0; i < images; i++) {
      lists.first[i] = (const struct entry *)(memory + entries);
      lists.length[i] = (ends[image + i] - entries) / (ptrdiff_t)sizeof(struct entry);
      entries = ends[image + i];
    }
    if (images == IMAGES) {
      EACH_TILE(row_length, multiply_tile, IMAGES, &lists, weights, start, step, z, row_length)
    } else {
      EACH_TILE(row_length, multiply_tile, 1, &lists, weights, start, step, z, row_length)
    }
    image += images;
    start += images * step;
    z += images * row_length;
  }
}

/** (ends, entries, count, inputs, weights, z, stride): z = x·W + b. */
PASS(forward) {
  const float *bias = FLOATS(4) + COUNT(3) * ROW(6);
  multiply(memory, ADDRESS(0), ADDRESS(1), COUNT(2), memory + (size_t)arguments[4], bias, 0, FLOATS(5), ROW(6));
  return 0;
}

/** (ends, entries, count, weights, start, step, z, stride) */
PASS(multiply_from) {
  multiply(memory, ADDRESS(0), ADDRESS(1), COUNT(2), memory + (size_t)arguments[3], FLOATS(4), ROW(5), FLOATS(6), ROW(7));
  return 0;
}

INLINE void outer_tile(const int vectors, const ptrdiff_t left, ptrdiff_t column, const struct entry *first,
                       ptrdiff_t length, const float *dz, char *gradient) {
  char *g = gradient + column * (ptrdiff_t)sizeof(float);
  vf d[TILE_VECTORS];
  UNROLL for (int v = 0; v < vectors; v++) d[v] = load_column(dz + column, v, vectors, left);
  for (ptrdiff_t at = 0; at < length; at++) {
    float *row = (float *)(g + first[at].offset);
    const vf x = splat(first[at].value);
    UNROLL for (int v = 0; v < vectors; v++) {
      store_column(row, load_column(row, v, vectors, left) + x * d[v], v, vectors, left);
    }
  }
}

/** dW += xᵀ·dz, x as listed. */
static void outer_products(const char *memory, uint32_t ends_at, uint32_t entries, ptrdiff_t count, const float *dz,
                           char *gradient, ptrdiff_t row_length) {
  const uint32_t *ends = (const uint32_t *)(memory + ends_at);
  for (ptrdiff_t image = 0; image < count; image++, dz += row_length) {
    const struct entry *first = (const struct entry *)(memory + entries);
    const ptrdiff_t length = (ends[image] - entries) / (ptrdiff_t)sizeof(struct entry);
    EACH_TILE(row_length, outer_tile, first, length, dz, gradient)
    entries = ends[image];
  }
}

/** (ends, entries, count, inputs, dz, gradient, stride): dW += xᵀ·dz and db += Σ dz. */
PASS(weight_gradient) {
  const ptrdiff_t count = COUNT(2), row_length = ROW(6);
  const float *dz = FLOATS(4);
  outer_products(memory, ADDRESS(0), ADDRESS(1), count, dz, memory + (size_t)arguments[5], row_length);
  float *bias = FLOATS(5) + COUNT(3) * row_length;
  for (ptrdiff_t row = 0; row < count; row++, dz += row_length) {
    for (ptrdiff_t column = 0; column < row_length; column += LOPT_LANES) {
      const ptrdiff_t left = row_length - column;
      const vf sum = load_columns(bias + column, left) + load_columns(dz + column, left);
      store_columns(bias + column, sum, left);
    }
  }
  return 0;
}

/** (ends, entries, count, dz, gradient, stride) */
PASS(add_outer_products) {
  outer_products(memory, ADDRESS(0), ADDRESS(1), COUNT(2), FLOATS(3), memory + (size_t)arguments[4], ROW(5));
  return 0;
}

/** Inputs whose dot products run side by side. */
enum { INPUTS = 4 };

/** Σ w·d over a row, for some rows of weights, in four lanes each. */
INLINE void dot_rows(const int rows, const float *w, const float *d, ptrdiff_t row_length, v4f dot[INPUTS]) {
  UNROLL for (int i = 0; i < rows; i++) dot[i] = (v4f){0};
  for (ptrdiff_t column = 0; column < row_length; column += 4) {
    const v4f slope = load4(d + column);
    UNROLL for (int i = 0; i < rows; i++) dot[i] = dot[i] + load4(w + i * row_length + column) * slope;
  }
}

/** (activation, a, count, inputs, aStride, dz, weights, stride): a becomes (dz·Wᵀ)·a′. */
PASS(input_gradient) {
  const int activation = (int)arguments[0];
  float *a = FLOATS(1);
  const ptrdiff_t count = COUNT(2), inputs = COUNT(3), a_length = ROW(4), row_length = ROW(7);
  const float *dz = FLOATS(5);
  for (ptrdiff_t row = 0; row < count; row++, a += a_length, dz += row_length) {
    const float *w = FLOATS(6);
    for (ptrdiff_t input = 0; input < inputs;) {
      v4f dot[INPUTS];
      const int rows = inputs - input >= INPUTS ? INPUTS : 1;
      if (rows == INPUTS) dot_rows(INPUTS, w, dz, row_length, dot);
      else dot_rows(1, w, dz, row_length, dot);
      for (int i = 0; i < rows; i++) a[input + i] = sum_lanes(dot[i]) * slope_of(activation, a[input + i]);
      input += rows;
      w += rows * row_length;
    }
    for (ptrdiff_t input = inputs; input < a_length; input++) a[input] = 0;
  }
  return 0;
}

/** The same sums, and Σ (w·dChange + v·d) in the order of assembly/dense-hessian.ts. */
INLINE void dot_changes(const int rows, const float *w, const float *v, const float *d, const float *d_change,
                        ptrdiff_t row_length, v4f dot[INPUTS], v4f change[INPUTS]) {
  UNROLL for (int i = 0; i < rows; i++) dot[i] = change[i] = (v4f){0};
  for (ptrdiff_t column = 0; column < row_length; column += 4) {
    const v4f slope = load4(d + column), bent = load4(d_change + column);
    UNROLL for (int i = 0; i < rows; i++) {
      const v4f own = load4(w + i * row_length + column);
      dot[i] = dot[i] + own * slope;
      change[i] = change[i] + own * bent;
      change[i] = change[i] + load4(v + i * row_length + column) * slope;
    }
  }
}

/** (activation, a, r, count, inputs, aStride, dz, dzChange, weights, direction, stride) */
PASS(input_curvature) {
  const int activation = (int)arguments[0];
  float *a = FLOATS(1), *r = FLOATS(2);
  const ptrdiff_t count = COUNT(3), inputs = COUNT(4), a_length = ROW(5), row_length = ROW(10);
  const float *dz = FLOATS(6), *dz_change = FLOATS(7);
  for (ptrdiff_t row = 0; row < count; row++) {
    const float *w = FLOATS(8), *v = FLOATS(9);
    for (ptrdiff_t input = 0; input < inputs;) {
      v4f dot[INPUTS], change[INPUTS];
      const int rows = inputs - input >= INPUTS ? INPUTS : 1;
      if (rows == INPUTS) dot_changes(INPUTS, w, v, dz, dz_change, row_length, dot, change);
      else dot_changes(1, w, v, dz, dz_change, row_length, dot, change);
      for (int i = 0; i < rows; i++) {
        const float value = a[input + i];
        const float own = slope_of(activation, value);
        const float sum = sum_lanes(dot[i]);
        a[input + i] = sum * own;
        const float bent = sum * (slope_change_of(activation, value) * r[input + i]);
        r[input + i] = sum_lanes(change[i]) * own + bent;
      }
      input += rows;
      w += rows * row_length;
      v += rows * row_length;
    }
    for (ptrdiff_t input = inputs; input < a_length; input++) a[input] = 0;
    a += a_length;
    r += a_length;
    dz += row_length;
    dz_change += row_length;
  }
  return 0;
}

/** (activation, a, r, bytes): r·a′. */
PASS(change_activations) {
  const int activation = (int)arguments[0];
  const float *a = FLOATS(1);
  float *r = FLOATS(2);
  const ptrdiff_t length = ROW(3);
  const vf one = splat(1);
  for (ptrdiff_t at = 0; at < length; at += LOPT_LANES) {
    const ptrdiff_t left = length - at;
    const vf y = load_columns(a + at, left), x = load_columns(r + at, left);
    vf change;
    if (activation == SIGMOID) change = x * (y * (one - y));
    else if (activation == TANH) change = x * (one - y * y);
    else change = where_less(splat(0), y, x, splat(0));
    store_columns(r + at, change, left);
  }
  return 0;
}

pass_list TABLE(dense_passes) = {
    {"pack", "pnnpn", pack},
    {"unpack", "pnnnp", unpack},
    {"listPixels", "pnnnpp", list_pixels},
    {"listActivations", "pnnnnpp", list_activations},
    {"forward", "ppnnppn", forward},
    {"multiply", "ppnppnpn", multiply_from},
    {"weightGradient", "ppnnppn", weight_gradient},
    {"addOuterProducts", "ppnppn", add_outer_products},
    {"inputGradient", "npnnnppn", input_gradient},
    {"inputCurvature", "nppnnnppppn", input_curvature},
    {"activate", "npn", activate},
    {"changeActivations", "nppn", change_activations},
    {"crossEntropy", "pnnnpf", cross_entropy},
    {"crossEntropyCurvature", "ppnnpf", cross_entropy_curvature},
    {"squaredError", "pnnnpnf", squared_error},
    {"squaredErrorCurvature", "ppnnnpnf", squared_error_curvature},
    {"binaryCrossEntropy", "pnnnpnf", binary_cross_entropy},
    {"binaryCrossEntropyCurvature", "ppnnnpnf", binary_cross_entropy_curvature},
    {NULL, NULL, NULL},
};
