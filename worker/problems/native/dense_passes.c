/** Dense networks on images, with the bits of assembly/dense.ts, losses.ts and dense-hessian.ts. */
#include "arguments.h"
#include "elementary.h"
#include "groups.h"
#include "losses.h"
#include "matrices.h"
#include "passes.h"

/** An input that is not 0: the offset of its row of weights, in bytes, and its value. */
struct entry {
  int32_t offset;
  float value;
};

/** Pixels that are looked through before those found are listed. */
enum { LOOK = 1024 };

#if LOPT_LANES == 16
/** Which of 16 pixels are not 0: each as its number above its byte. Returns how many; may write 16. */
INLINE int find_pixels(const uint8_t *image, uint32_t first, uint32_t *found) {
  const __m512i bytes = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)image));
  const __m512i numbers = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  const __m512i above = _mm512_slli_epi32(_mm512_add_epi32(numbers, _mm512_set1_epi32((int)first)), 8);
  const __mmask16 mask = _mm512_test_epi32_mask(bytes, bytes);
  _mm512_storeu_si512(found, _mm512_maskz_compress_epi32(mask, _mm512_or_si512(above, bytes)));
  return __builtin_popcount(mask);
}
#else
/** A bit for each of 16 pixels that is not 0. */
INLINE unsigned nonzero(const uint8_t *image) {
#if LOPT_LANES == 8
  const __m128i pixels = _mm_loadu_si128((const __m128i *)image);
  return 0xffff & ~(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(pixels, _mm_setzero_si128()));
#else
  static const uint8_t BITS[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  const uint8x16_t pixels = vld1q_u8(image), bits = vandq_u8(vtstq_u8(pixels, pixels), vld1q_u8(BITS));
  return vaddv_u8(vget_low_u8(bits)) | (unsigned)vaddv_u8(vget_high_u8(bits)) << 8;
#endif
}

INLINE int find_pixels(const uint8_t *image, uint32_t first, uint32_t *found) {
  unsigned left = nonzero(image);
  const int count = __builtin_popcount(left);
  // eight at a time, wanted or not: a branch for each could not be foreseen
  for (int from = 0; from < count; from += 8) {
    UNROLL for (int i = 0; i < 8; i++) {
      const unsigned pixel = (unsigned)__builtin_ctz(left | 0x8000);
      found[from + i] = (first + pixel) << 8 | image[pixel];
      left &= left - 1;
    }
  }
  return count;
}
#endif

/** Lists the pixels found in an image; returns where the list ends. */
static char *list_found(const uint32_t *restrict found, ptrdiff_t count, uint32_t stride, char *restrict list) {
  struct entry *restrict to = (struct entry *)list;
  for (ptrdiff_t i = 0; i < count; i++) {
    to[i].offset = (int32_t)((found[i] >> 8) * stride);
    to[i].value = (float)(int32_t)(found[i] & 0xff) / 255.0f;
  }
  return (char *)(to + count);
}

/** (images, count, pixels, stride, ends, entries): the pixels that are not 0. `ends` are addresses. */
PASS(list_pixels) {
  const uint8_t *image = BYTES(0);
  const ptrdiff_t count = COUNT(1), pixels = COUNT(2);
  const uint32_t stride = (uint32_t)COUNT(3);
  uint32_t *ends = (uint32_t *)(memory + (size_t)arguments[4]);
  char *at = memory + ADDRESS(5);
  for (ptrdiff_t row = 0; row < count; row++, image += pixels) {
    for (ptrdiff_t from = 0; from < pixels; from += LOOK) {
      uint32_t found[LOOK + 16];
      const ptrdiff_t end = pixels - from < LOOK ? pixels : from + LOOK;
      ptrdiff_t length = 0;
      for (ptrdiff_t pixel = from; pixel < end; pixel += 16) {
        length += find_pixels(image + pixel, (uint32_t)pixel, found + length);
      }
      at = list_found(found, length, stride, at);
    }
    ends[row] = (uint32_t)(at - memory);
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
    // without a branch, which could not be foreseen: the next one takes the place of a 0
    for (ptrdiff_t input = 0; input < inputs; input++) {
      const struct entry found = {(int32_t)(input * stride), a[input]};
      memcpy(memory + at, &found, sizeof found);
      at += a[input] != 0 ? sizeof found : 0;
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

/** The sum of one image goes on over some of its entries. */
INLINE struct strip add_entry(const int groups, struct strip sum, const char *weights, struct entry entry) {
  return add_scaled(groups, sum, entry.value, load_strip(groups, (const float *)(weights + entry.offset)));
}

INLINE void multiply_strip(const int groups, ptrdiff_t column, const int images, const struct lists *lists,
                           const char *weights, const float *start, ptrdiff_t step, float *z, ptrdiff_t row_length) {
  const char *w = weights + column * (ptrdiff_t)sizeof(float);
  struct strip sum[IMAGES];
  UNROLL for (int i = 0; i < images; i++) sum[i] = load_strip(groups, start + i * step + column);
  ptrdiff_t common = lists->length[0];
  for (int i = 1; i < images; i++) common = lists->length[i] < common ? lists->length[i] : common;
  for (ptrdiff_t at = 0; at < common; at++) {
    UNROLL for (int i = 0; i < images; i++) sum[i] = add_entry(groups, sum[i], w, lists->first[i][at]);
  }
  UNROLL for (int i = 0; i < images; i++) {
    for (ptrdiff_t at = common; at < lists->length[i]; at++) {
      sum[i] = add_entry(groups, sum[i], w, lists->first[i][at]);
    }
    store_strip(groups, z + i * row_length + column, sum[i]);
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
      EACH_STRIP(row_length, multiply_strip, IMAGES, &lists, weights, start, step, z, row_length)
    } else {
      EACH_STRIP(row_length, multiply_strip, 1, &lists, weights, start, step, z, row_length)
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
  const char *weights = memory + (size_t)arguments[3];
  multiply(memory, ADDRESS(0), ADDRESS(1), COUNT(2), weights, FLOATS(4), ROW(5), FLOATS(6), ROW(7));
  return 0;
}

INLINE void outer_strip(const int groups, ptrdiff_t column, const struct entry *first, ptrdiff_t length,
                        const float *dz, char *gradient) {
  char *g = gradient + column * (ptrdiff_t)sizeof(float);
  const struct strip d = load_strip(groups, dz + column);
  for (ptrdiff_t at = 0; at < length; at++) {
    float *row = (float *)(g + first[at].offset);
    store_strip(groups, row, add_scaled(groups, load_strip(groups, row), first[at].value, d));
  }
}

/** dW += xᵀ·dz, x as listed. */
static void outer_products(const char *memory, uint32_t ends_at, uint32_t entries, ptrdiff_t count, const float *dz,
                           char *gradient, ptrdiff_t row_length) {
  const uint32_t *ends = (const uint32_t *)(memory + ends_at);
  for (ptrdiff_t image = 0; image < count; image++, dz += row_length) {
    const struct entry *first = (const struct entry *)(memory + entries);
    const ptrdiff_t length = (ends[image] - entries) / (ptrdiff_t)sizeof(struct entry);
    EACH_STRIP(row_length, outer_strip, first, length, dz, gradient)
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

/** Rows of weights, one for each group; the last stands for those that there are not. */
struct rows {
  float *at[GROUPS];
  int count;
};

INLINE struct rows rows_of(float *weights, ptrdiff_t first, ptrdiff_t end, ptrdiff_t row_length) {
  struct rows rows = {.count = end - first < GROUPS ? (int)(end - first) : GROUPS};
  UNROLL for (int i = 0; i < GROUPS; i++) {
    rows.at[i] = weights + (first + (i < rows.count ? i : rows.count - 1)) * row_length;
  }
  return rows;
}

static void clear_padding(float *a, ptrdiff_t count, ptrdiff_t inputs, ptrdiff_t a_length) {
  for (ptrdiff_t row = 0; row < count; row++, a += a_length) {
    for (ptrdiff_t input = inputs; input < a_length; input++) a[input] = 0;
  }
}

/** Σ w·d over a row of each of some images, for GROUPS rows of weights side by side: in four lanes each. */
INLINE void dot_rows(const int images, const struct rows *weights, const float *d, ptrdiff_t row_length,
                     vf dot[IMAGES]) {
  UNROLL for (int i = 0; i < images; i++) dot[i] = splat(0);
  for (ptrdiff_t column = 0; column < row_length; column += 4) {
    const vf w = join_at(weights->at, column);
    UNROLL for (int i = 0; i < images; i++) dot[i] = dot[i] + w * splat_group(d + i * row_length + column);
  }
}

INLINE void input_tile(const int images, int activation, float *a, ptrdiff_t a_length, const struct rows *weights,
                       const float *dz, ptrdiff_t row_length) {
  vf dot[IMAGES];
  dot_rows(images, weights, dz, row_length, dot);
  UNROLL for (int i = 0; i < images; i++, a += a_length) {
    float sum[GROUPS];
    firsts_of(sum_of_lanes(dot[i]), sum);
    for (int k = 0; k < weights->count; k++) a[k] = sum[k] * slope_of(activation, a[k]);
  }
}

/** (activation, a, count, inputs, aStride, dz, weights, stride): a becomes (dz·Wᵀ)·a′. */
PASS(input_gradient) {
  const int activation = (int)arguments[0];
  float *a = FLOATS(1), *weights = FLOATS(6);
  const ptrdiff_t count = COUNT(2), inputs = COUNT(3), a_length = ROW(4), row_length = ROW(7);
  const float *dz = FLOATS(5);
  for (ptrdiff_t input = 0; input < inputs; input += GROUPS) {
    const struct rows own = rows_of(weights, input, inputs, row_length);
    ptrdiff_t row = 0;
    for (; row + IMAGES <= count; row += IMAGES) {
      input_tile(IMAGES, activation, a + row * a_length + input, a_length, &own, dz + row * row_length, row_length);
    }
    for (; row < count; row++) {
      input_tile(1, activation, a + row * a_length + input, a_length, &own, dz + row * row_length, row_length);
    }
  }
  clear_padding(a, count, inputs, a_length);
  return 0;
}

/** The gradient of a layer's outputs and its change, row by row. */
struct changed {
  const float *d, *change;
};

/** The same sums, and Σ (w·dChange + v·d) in the order of assembly/dense-hessian.ts. */
INLINE void dot_changes(const int images, const struct rows *weights, const struct rows *direction, struct changed dz,
                        ptrdiff_t row_length, vf dot[IMAGES], vf change[IMAGES]) {
  UNROLL for (int i = 0; i < images; i++) dot[i] = change[i] = splat(0);
  for (ptrdiff_t column = 0; column < row_length; column += 4) {
    const vf w = join_at(weights->at, column), v = join_at(direction->at, column);
    UNROLL for (int i = 0; i < images; i++) {
      const vf slope = splat_group(dz.d + i * row_length + column);
      dot[i] = dot[i] + w * slope;
      change[i] = change[i] + w * splat_group(dz.change + i * row_length + column);
      change[i] = change[i] + v * slope;
    }
  }
}

INLINE void curvature_tile(const int images, int activation, float *a, float *r, ptrdiff_t a_length,
                           const struct rows *weights, const struct rows *direction, struct changed dz,
                           ptrdiff_t row_length) {
  vf dot[IMAGES], change[IMAGES];
  dot_changes(images, weights, direction, dz, row_length, dot, change);
  UNROLL for (int i = 0; i < images; i++, a += a_length, r += a_length) {
    float sum[GROUPS], sum_change[GROUPS];
    firsts_of(sum_of_lanes(dot[i]), sum);
    firsts_of(sum_of_lanes(change[i]), sum_change);
    for (int k = 0; k < weights->count; k++) {
      const float value = a[k], own = slope_of(activation, value);
      a[k] = sum[k] * own;
      const float bent = sum[k] * (slope_change_of(activation, value) * r[k]);
      r[k] = sum_change[k] * own + bent;
    }
  }
}

/** (activation, a, r, count, inputs, aStride, dz, dzChange, weights, direction, stride) */
PASS(input_curvature) {
  const int activation = (int)arguments[0];
  float *a = FLOATS(1), *r = FLOATS(2), *weights = FLOATS(8), *direction = FLOATS(9);
  const ptrdiff_t count = COUNT(3), inputs = COUNT(4), a_length = ROW(5), row_length = ROW(10);
  const float *dz = FLOATS(6), *dz_change = FLOATS(7);
  for (ptrdiff_t input = 0; input < inputs; input += GROUPS) {
    const struct rows w = rows_of(weights, input, inputs, row_length);
    const struct rows v = rows_of(direction, input, inputs, row_length);
    for (ptrdiff_t row = 0; row < count;) {
      const ptrdiff_t at = row * a_length + input;
      const struct changed slopes = {dz + row * row_length, dz_change + row * row_length};
      const int images = row + IMAGES <= count ? IMAGES : 1;
      if (images == 1) curvature_tile(1, activation, a + at, r + at, a_length, &w, &v, slopes, row_length);
      else curvature_tile(IMAGES, activation, a + at, r + at, a_length, &w, &v, slopes, row_length);
      row += images;
    }
  }
  clear_padding(a, count, inputs, a_length);
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
