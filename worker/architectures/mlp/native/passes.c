/** The passes of ../wasm/assembly, operation by operation: the same bits on wider vectors. */
#include "mlp.h"

#include "../../../devices/native/exponential.h"

/** Vectors in a group of lanes. */
enum { PARTS = MLP_GROUP / LOPT_LANES };

static const float LANE[MLP_GROUP] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

INLINE size_t padded_to_group(size_t count) { return (count + MLP_GROUP - 1) / MLP_GROUP * MLP_GROUP; }

/** The sum of a group's lanes: halves on halves. */
INLINE float sum_of_group(float *lanes) {
  for (int half = MLP_GROUP / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; i++) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

/** x within ±limit; a NaN stays one. */
INLINE vf within(vf value, float limit) { return larger(splat(-limit), smaller(splat(limit), value)); }

/** Lanes from `left` on are 0. */
INLINE vf first_lanes(vf value, ptrdiff_t left) {
  return left >= LOPT_LANES ? value : where_less(load(LANE), splat((float)left), value, splat(0));
}

static void moments(const struct mlp_tensor *tensor, size_t count, const float *numbers, float *sums) {
  float lanes[6][MLP_GROUP];
  for (int part = 0; part < PARTS; part++) {
    vf sum[6];
    for (int k = 0; k < 6; k++) sum[k] = splat(0);
    for (size_t i = (size_t)part * LOPT_LANES; i < count; i += MLP_GROUP) {
      const vf gradient = within(load(tensor->gradient + i), numbers[LARGEST_GRADIENT]);
      const vf theta = load(tensor->theta + i);
      const vf square = gradient * gradient;
      sum[0] = sum[0] + square;
      sum[1] = fma_of(theta, theta, sum[1]);
      for (int k = 0; k < 3; k++) {
        float *at = tensor->moments + (size_t)k * tensor->stride + i;
        const vf mean = fma_of(splat(numbers[MEAN_DECAYS + k]), load(at), splat(numbers[MEAN_SHARES + k]) * gradient);
        store(at, mean);
        sum[2 + k] = fma_of(mean, mean, sum[2 + k]);
      }
      float *at = tensor->moments + 3 * tensor->stride + i;
      const vf mean = fma_of(splat(numbers[SQUARE_DECAY]), load(at), splat(numbers[SQUARE_SHARE]) * square);
      store(at, mean);
      sum[5] = sum[5] + mean;
    }
    for (int k = 0; k < 6; k++) store(lanes[k] + part * LOPT_LANES, sum[k]);
  }
  for (int k = 0; k < 6; k++) sums[k] = sum_of_group(lanes[k]);
}

static void squares(const struct mlp_tensor *tensor, float largest, float *row_sums, float *column_sums) {
  const size_t padded = padded_to_group(tensor->columns);
  memset(column_sums, 0, sizeof(float) * padded);
  for (size_t r = 0; r < tensor->rows; r++) {
    const float *row = tensor->gradient + r * tensor->columns;
    float lanes[MLP_GROUP] = {0};
    for (size_t c = 0; c < tensor->columns; c += LOPT_LANES) {
      const vf gradient = within(first_lanes(load(row + c), (ptrdiff_t)(tensor->columns - c)), largest);
      const vf square = gradient * gradient;
      float *lane = lanes + c % MLP_GROUP;
      store(lane, load(lane) + square);
      store(column_sums + c, load(column_sums + c) + square);
    }
    row_sums[r] = sum_of_group(lanes);
  }
}

/**
 * The features of the coordinates at a column of a row, of which `left` are the row's; those of the others are 0, even if a
 * number is infinite: how many there are depends on the width of a register.
 */
INLINE void features_at(const struct mlp_tensor *tensor, const struct mlp_factors *factors, const float *numbers, size_t r,
                        size_t c, ptrdiff_t left, vf *feature) {
  const size_t i = r * tensor->columns + c;
  const size_t padded = padded_to_group(tensor->columns);
  const float *moments = tensor->moments + i;
  const vf gradient = first_lanes(within(load(tensor->gradient + i), numbers[GRADIENT_LIMIT]), left);
  const vf square = load(moments + 3 * tensor->stride);
  const vf inverse =
      first_lanes(splat(1) / root(fma_of(square, splat(numbers[ROOT_FACTOR]), splat(numbers[ROOT_EPSILON]))), left);
  feature[0] = gradient;
  feature[1] = first_lanes(within(gradient, numbers[CLIP]), left);
  feature[2] = first_lanes(load(tensor->theta + i), left);
  feature[6] = first_lanes(square * splat(numbers[SQUARE_FACTOR]), left);
  feature[10] = inverse;
  feature[11] = gradient * inverse;
  UNROLL for (int k = 0; k < 3; k++) {
    const vf mean = first_lanes(load(moments + (size_t)k * tensor->stride) * splat(numbers[MEAN_FACTORS + k]), left);
    const vf row = splat(factors->rows[(size_t)k * tensor->rows + r]);
    const float *column = factors->columns + (size_t)k * padded + c;
    feature[3 + k] = mean;
    feature[7 + k] = mean * inverse;
    feature[12 + k] = first_lanes(gradient * (row * load(column)), left);
    feature[15 + k] = first_lanes(mean * (row * load(column + 3 * padded)), left);
  }
}

static void feature_sums(const struct mlp_tensor *tensor, const struct mlp_factors *factors, const float *numbers,
                         float *sums) {
  float lanes[MLP_FEATURES][MLP_GROUP];
  for (int part = 0; part < PARTS; part++) {
    vf sum[MLP_FEATURES];
    for (int f = 0; f < MLP_FEATURES; f++) sum[f] = splat(0);
    for (size_t r = 0; r < tensor->rows; r++) {
      for (size_t c = (size_t)part * LOPT_LANES; c < tensor->columns; c += MLP_GROUP) {
        vf feature[MLP_FEATURES];
        features_at(tensor, factors, numbers, r, c, (ptrdiff_t)(tensor->columns - c), feature);
        UNROLL for (int f = 0; f < MLP_FEATURES; f++) sum[f] = fma_of(feature[f], feature[f], sum[f]);
      }
    }
    for (int f = 0; f < MLP_FEATURES; f++) store(lanes[f] + part * LOPT_LANES, sum[f]);
  }
  for (int f = 0; f < MLP_FEATURES; f++) sums[f] = sum_of_group(lanes[f]);
}

static void project(const float *vectors, size_t count, size_t length, const float *weights, size_t units, float *parts) {
  for (size_t u = 0; u < units; u++) {
    for (size_t i = 0; i < length; i += LOPT_LANES) {
      // the first row are the constants
      vf sum = splat(weights[u]);
      for (size_t v = 0; v < count; v++) {
        sum = fma_of(splat(weights[(v + 1) * units + u]), load(vectors + v * length + i), sum);
      }
      store(parts + u * length + i, sum);
    }
  }
}

/** values[u] += Σ_i weights[i × units + u]·inputs[i]. */
INLINE void add_layer(const vf *inputs, int count, const float *weights, int units, vf *values) {
  for (int first = 0; first < units; first += MLP_UNITS) {
    vf sum[MLP_UNITS];
    UNROLL for (int u = 0; u < MLP_UNITS; u++) sum[u] = values[first + u];
    UNROLL_SOME for (int i = 0; i < count; i++) {
      const float *weight = weights + i * units + first;
      UNROLL for (int u = 0; u < MLP_UNITS; u++) sum[u] = fma_of(splat(weight[u]), inputs[i], sum[u]);
    }
    UNROLL for (int u = 0; u < MLP_UNITS; u++) values[first + u] = sum[u];
  }
}

/** Direction and log magnitude from the features, and from what the first layer starts from. */
INLINE void evaluate(const struct mlp_network *network, const vf *feature, vf *values, const int first, const int second,
                     vf *direction, vf *magnitude) {
  const float *weights = network->weights;
  int below = 0;
  vf other[MLP_MAX_UNITS];
  vf *own = values, *next = other;
  for (int l = 0; l < network->layers; l++) {
    const int units = l == 0 ? first : l == 1 ? second : network->units[l];
    if (l == 0) {
      add_layer(feature, MLP_FEATURES, weights, units, own);
      weights += MLP_FEATURES * units;
    } else {
      const float *biases = weights + below * units;
      for (int u = 0; u < units; u++) next[u] = splat(biases[u]);
      add_layer(own, below, weights, units, next);
      weights = biases + units;
      vf *swap = own;
      own = next;
      next = swap;
    }
    for (int u = 0; u < units; u++) own[u] = larger(splat(0), own[u]);
    below = units;
  }
  vf d = splat(weights[2 * below]), m = splat(weights[2 * below + 1]);
  for (int u = 0; u < below; u++) {
    d = fma_of(splat(weights[2 * u]), own[u], d);
    m = fma_of(splat(weights[2 * u + 1]), own[u], m);
  }
  *direction = d;
  *magnitude = m;
}

INLINE void apply_with(const struct mlp_tensor *tensor, const struct mlp_factors *factors,
                       const struct mlp_network *network, const float *numbers, float *updates, const int first,
                       const int second) {
  const size_t padded = padded_to_group(tensor->columns), padded_rows = padded_to_group(tensor->rows);
  for (size_t r = 0; r < tensor->rows; r++) {
    for (size_t c = 0; c < tensor->columns; c += LOPT_LANES) {
      vf feature[MLP_FEATURES], values[MLP_MAX_UNITS];
      features_at(tensor, factors, numbers, r, c, LOPT_LANES, feature);
      for (int u = 0; network->layers > 0 && u < first; u++) {
        values[u] = splat(network->row_part[(size_t)u * padded_rows + r]);
        if (network->column_part) values[u] = values[u] + load(network->column_part + (size_t)u * padded + c);
      }
      vf direction, magnitude;
      evaluate(network, feature, values, first, second, &direction, &magnitude);
      const vf bounded = larger(splat(numbers[MAGNITUDE_LOW]),
                                smaller(splat(numbers[MAGNITUDE_HIGH]), splat(numbers[MAGNITUDE_FACTOR]) * magnitude));
      vf sum = fma_of(splat(numbers[ADAM_FACTOR]), feature[7], direction);
      sum = fma_of(splat(numbers[SLOW_FACTOR]), feature[4], sum);
      store(updates + r * tensor->columns + c, splat(-numbers[STEP]) * exp_of(bounded) * sum);
    }
  }
}

static void apply(const struct mlp_tensor *tensor, const struct mlp_factors *factors, const struct mlp_network *network,
                  const float *numbers, float *updates) {
  const int first = network->units[0], second = network->units[1];
  // with the number of units known, the compiler keeps them in registers
  if (network->layers == 2 && first == 8 && second == 8) {
    apply_with(tensor, factors, network, numbers, updates, 8, 8);
  } else {
    apply_with(tensor, factors, network, numbers, updates, first, second);
  }
}

const struct mlp_passes TABLE(mlp) = {moments, squares, feature_sums, project, apply};
