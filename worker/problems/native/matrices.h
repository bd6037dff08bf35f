/** What dense and convolutional networks share beside their losses. */
#ifndef LOPT_MATRICES_H
#define LOPT_MATRICES_H

#include "arguments.h"
#include "elementary.h"

/** (source, rows, columns, target, stride): into padded rows; 0, or NaN if an element is not finite. */
PASS(pack) {
  const float *from = FLOATS(0);
  ptrdiff_t rows = COUNT(1), columns = COUNT(2), row_length = ROW(4);
  float *to = FLOATS(3);
  if (columns == row_length) {
    // without padding it is one long row
    columns = row_length = rows * columns;
    rows = 1;
  }
  const ptrdiff_t whole = columns & ~(ptrdiff_t)3;
  v4f health = {0};
  for (ptrdiff_t row = 0; row < rows; row++, from += columns, to += row_length) {
    for (ptrdiff_t column = 0; column < whole; column += 4) {
      const v4f x = load4(from + column);
      store4(to + column, x);
      health = health + x * 0;
    }
    if (whole == row_length) continue;
    v4f rest = {0};
    for (ptrdiff_t column = whole; column < columns; column++) rest[column - whole] = from[column];
    store4(to + whole, rest);
    health = health + rest * 0;
  }
  return sum_lanes(health);
}

/** (source, rows, columns, stride, target): padded rows into a dense matrix. */
PASS(unpack) {
  const float *from = FLOATS(0);
  ptrdiff_t rows = COUNT(1), columns = COUNT(2), row_length = ROW(3);
  float *to = FLOATS(4);
  if (columns == row_length) {
    columns = row_length = rows * columns;
    rows = 1;
  }
  const ptrdiff_t whole = columns & ~(ptrdiff_t)3;
  for (ptrdiff_t row = 0; row < rows; row++, from += row_length, to += columns) {
    for (ptrdiff_t column = 0; column < whole; column += 4) store4(to + column, load4(from + column));
    for (ptrdiff_t column = whole; column < columns; column++) to[column] = from[column];
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
