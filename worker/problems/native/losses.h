/** Losses of a network's outputs z [count × stride], as in assembly/losses.ts. The padding of z and of its change is 0. */
#ifndef LOPT_LOSSES_H
#define LOPT_LOSSES_H

#include "arguments.h"
#include "elementary.h"

/** (z, count, classes, stride, labels, scale): Σ (ln Σ_k e^{z_k} − z_label); z becomes its gradient. */
PASS(cross_entropy) {
  float *z = FLOATS(0);
  const ptrdiff_t count = COUNT(1), classes = COUNT(2), row_length = ROW(3);
  const uint8_t *labels = BYTES(4);
  const float scale = SCALE(5);
  double loss = 0;
  for (ptrdiff_t row = 0; row < count; row++, z += row_length) {
    float largest = z[0];
    // a NaN stays one
    for (ptrdiff_t k = 1; k < classes; k++) largest = z[k] > largest || z[k] != z[k] ? z[k] : largest;
    const double margin = (double)largest - (double)z[labels[row]];
    for (ptrdiff_t column = 0; column < row_length; column += LOPT_LANES) {
      const ptrdiff_t left = row_length - column;
      store_columns(z + column, exp_of(load_columns(z + column, left) - splat(largest)), left);
    }
    double sum = 0;
    for (ptrdiff_t k = 0; k < classes; k++) sum += (double)z[k];
    loss += log_of(sum) + margin;
    const vf factor = splat(scale / (float)sum);
    for (ptrdiff_t column = 0; column < row_length; column += LOPT_LANES) {
      const ptrdiff_t left = row_length - column;
      store_columns(z + column, load_columns(z + column, left) * factor, left);
    }
    z[labels[row]] -= scale;
    for (ptrdiff_t k = classes; k < row_length; k++) z[k] = 0;
  }
  return loss;
}

/** Softmax(z)·scale at four columns, from the gradient of the cross-entropy. */
INLINE v4f softmax_at(const float *d, ptrdiff_t column, ptrdiff_t label, float scale) {
  v4f own = {0};
  if (label >= column && label < column + 4) own[label - column] = scale;
  return load4(d + column) + own;
}

/** (d, r, count, stride, labels, scale): r becomes q·(r − Σ q·r / Σ q), with q = softmax(z)·scale. */
PASS(cross_entropy_curvature) {
  const float *d = FLOATS(0);
  float *r = FLOATS(1);
  const ptrdiff_t count = COUNT(2), row_length = ROW(3);
  const uint8_t *labels = BYTES(4);
  const float scale = SCALE(5);
  for (ptrdiff_t row = 0; row < count; row++, d += row_length, r += row_length) {
    v4f dot = {0};
    for (ptrdiff_t column = 0; column < row_length; column += 4) {
      dot = dot + softmax_at(d, column, labels[row], scale) * load4(r + column);
    }
    const float mean = sum_lanes(dot) / scale;
    for (ptrdiff_t column = 0; column < row_length; column += 4) {
      const v4f means = {mean, mean, mean, mean};
      const v4f change = softmax_at(d, column, labels[row], scale) * (load4(r + column) - means);
      store4(r + column, change);
    }
  }
  return 0;
}

/** As many pixels as a vector has lanes, as numbers from 0 to 1. Images are padded to 16 pixels. */
INLINE vf pixels_at(const uint8_t *at) { return bytes_at(at) / splat(255); }

/** σ(z) − x, 0 beyond the outputs. */
INLINE vf error_at(vf y, const uint8_t *image, ptrdiff_t column, ptrdiff_t outputs) {
  return first_lanes(y - pixels_at(image + column), outputs - column);
}

/** Four floats as doubles: the first two, and the others. */
INLINE void doubles_of(const float *at, v2d pairs[2]) {
  pairs[0] = (v2d){(double)at[0], (double)at[1]};
  pairs[1] = (v2d){(double)at[2], (double)at[3]};
}

/** (z, count, outputs, stride, images, pixels, scale): Σ (y − x)² with y = σ(z); z becomes its gradient. */
PASS(squared_error) {
  float *z = FLOATS(0);
  const ptrdiff_t count = COUNT(1), outputs = COUNT(2), row_length = ROW(3), pixels = COUNT(5);
  const uint8_t *image = BYTES(4);
  const float scale = SCALE(6);
  v2d loss = {0, 0};
  for (ptrdiff_t row = 0; row < count; row++, image += pixels, z += row_length) {
    for (ptrdiff_t column = 0; column < row_length; column += LOPT_LANES) {
      const ptrdiff_t left = row_length - column;
      const vf y = sigmoid_of(load_columns(z + column, left));
      const vf error = error_at(y, image, column, outputs);
      float square[LOPT_LANES];
      store(square, error * error);
      for (int i = 0; i < LOPT_LANES && i < left; i += 4) {
        v2d pairs[2];
        doubles_of(square + i, pairs);
        loss = loss + (pairs[0] + pairs[1]);
      }
      store_columns(z + column, error * (y * (splat(1) - y)) * splat(2 * scale), left);
    }
  }
  return loss[0] + loss[1];
}

/** (z, r, count, outputs, stride, images, pixels, scale) */
PASS(squared_error_curvature) {
  float *z = FLOATS(0), *r = FLOATS(1);
  const ptrdiff_t count = COUNT(2), outputs = COUNT(3), row_length = ROW(4), pixels = COUNT(6);
  const uint8_t *image = BYTES(5);
  const vf factor = splat(2 * SCALE(7));
  for (ptrdiff_t row = 0; row < count; row++, image += pixels, z += row_length, r += row_length) {
    for (ptrdiff_t column = 0; column < row_length; column += LOPT_LANES) {
      const ptrdiff_t left = row_length - column;
      const vf y = sigmoid_of(load_columns(z + column, left));
      const vf error = error_at(y, image, column, outputs);
      const vf rest = splat(1) - y;
      const vf slope = y * rest;
      store_columns(z + column, error * slope * factor, left);
      const vf bend = slope + error * (rest - y);
      store_columns(r + column, slope * bend * factor * load_columns(r + column, left), left);
    }
  }
  return 0;
}

/** Factors from 1 to 2 whose logarithms are taken at once, in two lanes; 2^1023 would overflow. */
enum { FACTOR_COLUMNS = 1024 };

/** (z, count, outputs, stride, images, pixels, scale): −Σ (x·ln y + (1 − x)·ln(1 − y)); z becomes its gradient. */
PASS(binary_cross_entropy) {
  float *z = FLOATS(0);
  const ptrdiff_t count = COUNT(1), outputs = COUNT(2), row_length = ROW(3), pixels = COUNT(5);
  const uint8_t *image = BYTES(4);
  const float scale = SCALE(6);
  double loss = 0;
  for (ptrdiff_t row = 0; row < count; row++, image += pixels, z += row_length) {
    v2d linear = {0, 0}, product = {1, 1};
    for (ptrdiff_t column = 0; column < row_length; column += LOPT_LANES) {
      const ptrdiff_t left = row_length - column;
      const vf logits = load_columns(z + column, left);
      const vf x = pixels_at(image + column);
      float term[LOPT_LANES], decay[LOPT_LANES];
      store(term, first_lanes(relu_of(logits) - x * logits, outputs - column));
      store(decay, first_lanes(exp_of(negative(magnitude_of(logits))), outputs - column));
      for (int i = 0; i < LOPT_LANES && i < left; i += 4) {
        v2d pairs[2];
        doubles_of(term + i, pairs);
        linear = linear + (pairs[0] + pairs[1]);
        doubles_of(decay + i, pairs);
        product = product * (1.0 + pairs[0]);
        product = product * (1.0 + pairs[1]);
        if ((column + i) % FACTOR_COLUMNS == FACTOR_COLUMNS - 4) {
          loss += log_of(product[0]) + log_of(product[1]);
          product = (v2d){1, 1};
        }
      }
      store_columns(z + column, error_at(sigmoid_of(logits), image, column, outputs) * splat(scale), left);
    }
    loss += log_of(product[0]) + log_of(product[1]);
    loss += linear[0] + linear[1];
  }
  return loss;
}

/** (z, r, count, outputs, stride, images, pixels, scale) */
PASS(binary_cross_entropy_curvature) {
  float *z = FLOATS(0), *r = FLOATS(1);
  const ptrdiff_t count = COUNT(2), outputs = COUNT(3), row_length = ROW(4), pixels = COUNT(6);
  const uint8_t *image = BYTES(5);
  const vf factor = splat(SCALE(7));
  for (ptrdiff_t row = 0; row < count; row++, image += pixels, z += row_length, r += row_length) {
    for (ptrdiff_t column = 0; column < row_length; column += LOPT_LANES) {
      const ptrdiff_t left = row_length - column;
      const vf y = sigmoid_of(load_columns(z + column, left));
      store_columns(z + column, error_at(y, image, column, outputs) * factor, left);
      const vf slope = y * (splat(1) - y);
      store_columns(r + column, slope * factor * load_columns(r + column, left), left);
    }
  }
  return 0;
}

#endif
