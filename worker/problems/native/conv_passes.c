/** Convolutional networks on images, with the bits of assembly/conv.ts, which says what the tables are. */
#include "arguments.h"
#include "elementary.h"
#include "losses.h"
#include "matrices.h"
#include "passes.h"

/** Rows, or inputs, whose sums run side by side. */
enum { ROWS = 4 };

INLINE float *moved(const float *from, int32_t bytes) { return (float *)((char *)from + bytes); }

/** (pixels, height, width, target, rowBytes): bytes as values byte/255. */
PASS(spread_pixels) {
  const uint8_t *pixels = BYTES(0);
  const ptrdiff_t height = COUNT(1), width = COUNT(2), row_length = ROW(4);
  float *target = FLOATS(3);
  for (ptrdiff_t row = 0; row < height; row++, pixels += width, target += row_length) {
    for (ptrdiff_t at = 0; at < width; at++) target[at] = (float)pixels[at] / 255.0f;
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
    memcpy(moved(target, places[row]), bias, sizeof(float) * (size_t)row_length);
  }
  return 0;
}

INLINE void product_tile(const int vectors, const ptrdiff_t left, ptrdiff_t column, const int rows, const float *x,
                         const int32_t *patches, const int32_t *offsets, ptrdiff_t inputs, const float *weights,
                         const float *target, const int32_t *places, ptrdiff_t row_length) {
  vf sum[ROWS][TILE_VECTORS];
  UNROLL for (int r = 0; r < rows; r++) {
    const float *to = moved(target, places[r]) + column;
    UNROLL for (int v = 0; v < vectors; v++) sum[r][v] = load_column(to, v, vectors, left);
  }
  const float *w = weights + column;
  for (ptrdiff_t input = 0; input < inputs; input++, w += row_length) {
    vf weight[TILE_VECTORS];
    UNROLL for (int v = 0; v < vectors; v++) weight[v] = load_column(w, v, vectors, left);
    UNROLL for (int r = 0; r < rows; r++) {
      const vf value = splat(*moved(x, patches[r] + offsets[input]));
      UNROLL for (int v = 0; v < vectors; v++) sum[r][v] = sum[r][v] + value * weight[v];
    }
  }
  UNROLL for (int r = 0; r < rows; r++) {
    float *to = moved(target, places[r]) + column;
    UNROLL for (int v = 0; v < vectors; v++) store_column(to, sum[r][v], v, vectors, left);
  }
}

/** (x, patches, rows, offsets, inputs, weights, target, places, stride): target += x·W. */
PASS(add_product) {
  const float *x = FLOATS(0), *weights = FLOATS(5), *target = FLOATS(6);
  const int32_t *patches = OFFSETS(1), *offsets = OFFSETS(3), *places = OFFSETS(7);
  const ptrdiff_t rows = COUNT(2), inputs = COUNT(4), row_length = ROW(8);
  ptrdiff_t row = 0;
  for (; row + ROWS <= rows; row += ROWS) {
    EACH_TILE(row_length, product_tile, ROWS, x, patches + row, offsets, inputs, weights, target, places + row, row_length)
  }
  for (; row < rows; row++) {
    EACH_TILE(row_length, product_tile, 1, x, patches + row, offsets, inputs, weights, target, places + row, row_length)
  }
  return 0;
}

INLINE void gradient_tile(const int vectors, const ptrdiff_t left, ptrdiff_t column, const int inputs, const float *x,
                          const int32_t *patches, ptrdiff_t rows, const int32_t *offsets, const float *d,
                          const int32_t *places, float *gradient, ptrdiff_t row_length) {
  vf sum[ROWS][TILE_VECTORS];
  UNROLL for (int i = 0; i < inputs; i++) {
    UNROLL for (int v = 0; v < vectors; v++) sum[i][v] = load_column(gradient + i * row_length + column, v, vectors, left);
  }
  for (ptrdiff_t row = 0; row < rows; row++) {
    const float *from = moved(d, places[row]) + column;
    vf slope[TILE_VECTORS];
    UNROLL for (int v = 0; v < vectors; v++) slope[v] = load_column(from, v, vectors, left);
    UNROLL for (int i = 0; i < inputs; i++) {
      const vf value = splat(*moved(x, patches[row] + offsets[i]));
      UNROLL for (int v = 0; v < vectors; v++) sum[i][v] = sum[i][v] + value * slope[v];
    }
  }
  UNROLL for (int i = 0; i < inputs; i++) {
    UNROLL for (int v = 0; v < vectors; v++) {
      store_column(gradient + i * row_length + column, sum[i][v], v, vectors, left);
    }
  }
}

/** (x, patches, rows, offsets, inputs, d, places, gradient, stride): dW += xᵀ·d. */
PASS(add_weight_gradient) {
  const float *x = FLOATS(0), *d = FLOATS(5);
  const int32_t *patches = OFFSETS(1), *offsets = OFFSETS(3), *places = OFFSETS(6);
  const ptrdiff_t rows = COUNT(2), inputs = COUNT(4), row_length = ROW(8);
  float *gradient = FLOATS(7);
  ptrdiff_t input = 0;
  for (; input + ROWS <= inputs; input += ROWS, gradient += ROWS * row_length) {
    EACH_TILE(row_length, gradient_tile, ROWS, x, patches, rows, offsets + input, d, places, gradient, row_length)
  }
  for (; input < inputs; input++, gradient += row_length) {
    EACH_TILE(row_length, gradient_tile, 1, x, patches, rows, offsets + input, d, places, gradient, row_length)
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

INLINE void input_tile(const int vectors, const ptrdiff_t left, ptrdiff_t column, const int rows, const float *d,
                       const int32_t *places, ptrdiff_t outputs, const float *transposed, float *pixels,
                       const int32_t *patches, ptrdiff_t pixel_length) {
  vf sum[ROWS][TILE_VECTORS];
  UNROLL for (int r = 0; r < rows; r++) {
    UNROLL for (int v = 0; v < vectors; v++) sum[r][v] = splat(0);
  }
  const float *w = transposed + column;
  for (ptrdiff_t output = 0; output < outputs; output++, w += pixel_length) {
    vf weight[TILE_VECTORS];
    UNROLL for (int v = 0; v < vectors; v++) weight[v] = load_column(w, v, vectors, left);
    UNROLL for (int r = 0; r < rows; r++) {
      const vf slope = splat(moved(d, places[r])[output]);
      UNROLL for (int v = 0; v < vectors; v++) sum[r][v] = sum[r][v] + slope * weight[v];
    }
  }
  UNROLL for (int r = 0; r < rows; r++) {
    float *to = moved(pixels, patches[r]) + column;
    UNROLL for (int v = 0; v < vectors; v++) {
      store_column(to, load_column(to, v, vectors, left) + sum[r][v], v, vectors, left);
    }
  }
}

/** (d, places, rows, outputs, transposed, taps, tapOffsets, dx, patches, pixelBytes): dx += d·Wᵀ, tap after tap. */
PASS(add_input_gradient) {
  const float *d = FLOATS(0), *transposed = FLOATS(4), *dx = FLOATS(7);
  const int32_t *places = OFFSETS(1), *tap_offsets = OFFSETS(6), *patches = OFFSETS(8);
  const ptrdiff_t rows = COUNT(2), outputs = COUNT(3), taps = COUNT(5), pixel_length = ROW(9);
  for (ptrdiff_t tap = 0; tap < taps; tap++, transposed += outputs * pixel_length) {
    float *pixels = moved(dx, tap_offsets[tap]);
    ptrdiff_t row = 0;
    for (; row + ROWS <= rows; row += ROWS) {
      EACH_TILE(pixel_length, input_tile, ROWS, d, places + row, outputs, transposed, pixels, patches + row, pixel_length)
    }
    for (; row < rows; row++) {
      EACH_TILE(pixel_length, input_tile, 1, d, places + row, outputs, transposed, pixels, patches + row, pixel_length)
    }
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
