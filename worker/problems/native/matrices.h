/** What dense and convolutional networks share beside their losses. */
#ifndef LOPT_MATRICES_H
#define LOPT_MATRICES_H

#include "arguments.h"
#include "elementary.h"

/** (source, rows, columns, target, stride): into padded rows; 0, or NaN if an element is not finite. */
PASS(pack) {
  const float *from = FLOATS(0);
  const ptrdiff_t rows = COUNT(1), columns = COUNT(2), row_length = ROW(4);
  float *to = FLOATS(3);
  float health = 0;
  for (ptrdiff_t row = 0; row < rows; row++, from += columns, to += row_length) {
    for (ptrdiff_t column = 0; column < columns; column++) {
      to[column] = from[column];
      health += from[column] * 0;
    }
    for (ptrdiff_t column = columns; column < row_length; column++) to[column] = 0;
  }
  return health;
}

/** (source, rows, columns, stride, target): padded rows into a dense matrix. */
PASS(unpack) {
  const float *from = FLOATS(0);
  const ptrdiff_t rows = COUNT(1), columns = COUNT(2), row_length = ROW(3);
  float *to = FLOATS(4);
  for (ptrdiff_t row = 0; row < rows; row++, from += row_length, to += columns) {
    memcpy(to, from, sizeof(float) * (size_t)columns);
  }
  return 0;
}

/** (activation, z, bytes) */
PASS(activate) {
  const int activation = (int)arguments[0];
  float *z = FLOATS(1);
  const ptrdiff_t length = ROW(2);
  for (ptrdiff_t at = 0; at < length; at += LOPT_LANES) {
    const ptrdiff_t left = length - at;
    const vf x = load_columns(z + at, left);
    vf y;
    if (activation == SIGMOID) y = sigmoid_of(x);
    else if (activation == TANH) y = tanh_of(x);
    else y = relu_of(x);
    store_columns(z + at, y, left);
  }
  return 0;
}

#endif
