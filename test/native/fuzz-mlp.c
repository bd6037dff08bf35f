/** Calls the passes of the perceptron's native kernels with random networks, tensors and values. */
#include "../../worker/architectures/mlp/native/mlp.h"
#include "program.h"

DECLARE_IMPLEMENTATIONS(mlp)

enum { SETS = sizeof IMPLEMENTATIONS / sizeof *IMPLEMENTATIONS };

/** A network, and a tensor. */
struct shape {
  int layers, units[MLP_MAX_LAYERS];
  size_t rows, columns, stride;
  /** Vectors of the first layer's parts; those of the columns are −1 if they have no part. */
  int row_vectors, column_vectors;
  float weight_size, gradient_size, largest;
  int edges;
};

static size_t padded_to_group(size_t count) { return (count + MLP_GROUP - 1) / MLP_GROUP * MLP_GROUP; }

static struct shape draw_shape(struct draws *draws) {
  // one draw a statement: within one their order would be the compiler's
  struct shape shape = {0};
  shape.layers = below(draws, MLP_MAX_LAYERS + 1);
  // most networks are narrow, and two layers of 8 have code of their own
  const int widest = (const int[]){1, 1, 3, 8}[below(draws, 4)];
  for (int l = 0; l < shape.layers; l++) shape.units[l] = MLP_UNITS * few(draws, widest);
  const int is_large = below(draws, 200) == 0, is_vector = below(draws, 4) == 0;
  shape.rows = is_vector ? 1 : (size_t)few(draws, is_large ? 80 : 12);
  shape.columns = (size_t)few(draws, is_large ? 200 : 40);
  const int groups = below(draws, 4) == 0 ? below(draws, 3) : 0;
  shape.stride = padded_to_group(shape.rows * shape.columns) + (size_t)(MLP_GROUP * groups);
  shape.row_vectors = below(draws, 2) ? 6 : below(draws, MLP_FEATURES + 1);
  shape.column_vectors = below(draws, 2) ? 6 : below(draws, MLP_FEATURES + 2) - 1;
  shape.weight_size = (const float[]){0.1f, 1, 6}[below(draws, 3)];
  shape.gradient_size = (const float[]){1e-6f, 1, 100}[below(draws, 3)];
  shape.largest = (const float[]){3e38f, 1000, 0.5f}[below(draws, 3)];
  // a NaN or an infinity soon reaches every result, so most shapes have none
  shape.edges = below(draws, 6);
  return shape;
}

/** Values that are not below 0, unless one is an edge. */
static float *without_signs(float *values, size_t length) {
  for (size_t i = 0; i < length; i++) values[i] = fabsf(values[i]);
  return values;
}

/** Vectors, each of `length` values; what pads it is not written. */
static float *new_vectors(struct arrays *arrays, struct draws *draws, size_t count, size_t length, size_t padded) {
  float *vectors = new_array(arrays, count * padded);
  for (size_t v = 0; v < count; v++) without_signs(put_values(arrays, draws, vectors + v * padded, length, 1), length);
  return vectors;
}

/** What a shape is computed from. */
struct call {
  const struct shape *shape;
  const struct mlp_passes *passes;
  struct mlp_tensor tensor;
};

/**
 * Values of each element, zeros up to the stride, and then what a vector of 16 may reach beyond the last element, not yet
 * written.
 */
static float *new_elements(struct arrays *arrays, struct draws *draws, const struct shape *shape, int parts, float size) {
  const size_t count = shape->rows * shape->columns, stride = shape->stride;
  const size_t last = stride > count + MLP_GROUP ? stride : count + MLP_GROUP;
  float *elements = new_array(arrays, (size_t)(parts - 1) * stride + last);
  memset(elements, 0, (size_t)parts * stride * sizeof(float));
  for (int part = 0; part < parts; part++) put_values(arrays, draws, elements + (size_t)part * stride, count, size);
  return elements;
}

static void sum(const struct call *call, struct arrays *arrays, struct draws *draws, struct results *results) {
  const struct mlp_tensor *tensor = &call->tensor;
  float *numbers = without_signs(new_values(arrays, draws, MOMENT_NUMBERS, 1), MOMENT_NUMBERS);
  numbers[LARGEST_GRADIENT] = call->shape->largest;
  float *sums = new_array(arrays, 6);
  call->passes->moments(tensor, tensor->stride, numbers, sums);
  record(results, sums, 6);
  record(results, tensor->moments, 4 * tensor->stride);
  const size_t padded = padded_to_group(tensor->columns);
  float *row_sums = new_array(arrays, tensor->rows), *column_sums = new_array(arrays, padded);
  call->passes->squares(tensor, call->shape->largest, row_sums, column_sums);
  record(results, row_sums, tensor->rows);
  record(results, column_sums, padded);
}

/** What the first layer adds for a side of the tensor. */
static float *project(const struct call *call, struct arrays *arrays, struct draws *draws, size_t count, size_t length,
                      struct results *results) {
  const size_t units = (size_t)call->shape->units[0], padded = padded_to_group(length);
  const float *vectors = new_vectors(arrays, draws, count, length, padded);
  const float *weights = new_values(arrays, draws, (count + 1) * units, call->shape->weight_size);
  float *part = new_array(arrays, units * padded);
  call->passes->project(vectors, count, padded, weights, units, part);
  for (size_t u = 0; u < units; u++) record(results, part + u * padded, length);
  return part;
}

static void step(const struct call *call, struct arrays *arrays, struct draws *draws, struct results *results) {
  const struct shape *shape = call->shape;
  const struct mlp_tensor *tensor = &call->tensor;
  const float *rows = without_signs(new_values(arrays, draws, 3 * tensor->rows, 1), 3 * tensor->rows);
  const float *columns = new_vectors(arrays, draws, 6, tensor->columns, padded_to_group(tensor->columns));
  const struct mlp_factors factors = {rows, columns};
  float *numbers = without_signs(new_values(arrays, draws, APPLY_NUMBERS, 1), APPLY_NUMBERS);
  numbers[GRADIENT_LIMIT] = shape->largest;
  numbers[MAGNITUDE_LOW] = -numbers[MAGNITUDE_LOW];
  float *feature_numbers = new_array(arrays, FEATURE_NUMBERS), *sums = new_array(arrays, MLP_FEATURES);
  memcpy(feature_numbers, numbers, FEATURE_NUMBERS * sizeof(float));
  call->passes->feature_sums(tensor, &factors, feature_numbers, sums);
  record(results, sums, MLP_FEATURES);

  struct mlp_network network = {.layers = shape->layers};
  memcpy(network.units, shape->units, sizeof network.units);
  const size_t weights = mlp_weights(network.units, network.layers);
  network.weights = new_values(arrays, draws, weights, shape->weight_size);
  if (shape->layers > 0) {
    network.row_part = project(call, arrays, draws, (size_t)shape->row_vectors, tensor->rows, results);
    if (shape->column_vectors >= 0) {
      network.column_part = project(call, arrays, draws, (size_t)shape->column_vectors, tensor->columns, results);
    }
  }
  const size_t count = tensor->rows * tensor->columns;
  float *updates = new_array(arrays, count + MLP_GROUP);
  call->passes->apply(tensor, &factors, &network, numbers, updates);
  record(results, updates, count);
}

/** All that one implementation makes of a shape. */
static void compute(const void *passes, struct draws draws, struct arrays *arrays, struct results *results) {
  const struct shape shape = draw_shape(&draws);
  arrays->edges = shape.edges;
  struct call call = {.shape = &shape, .passes = passes};
  const float *gradient = new_elements(arrays, &draws, &shape, 1, shape.gradient_size);
  const float *theta = new_elements(arrays, &draws, &shape, 1, 1);
  float *moments = new_elements(arrays, &draws, &shape, 4, shape.gradient_size);
  // the last are means of squares
  without_signs(moments + 3 * shape.stride, shape.stride);
  call.tensor = (struct mlp_tensor){gradient, theta, moments, shape.stride, shape.rows, shape.columns};
  sum(&call, arrays, &draws, results);
  step(&call, arrays, &draws, results);
}

static void describe(struct draws draws) {
  const struct shape shape = draw_shape(&draws);
  fprintf(stderr, "layers");
  for (int l = 0; l < shape.layers; l++) fprintf(stderr, " %d", shape.units[l]);
  fprintf(stderr, ", %zu x %zu elements, stride %zu, vectors %d and %d\n", shape.rows, shape.columns, shape.stride,
          shape.row_vectors, shape.column_vectors);
}

int main(int argc, char **argv) {
  static const struct program program = {compute, describe};
  return run(&program, IMPLEMENTATIONS, SETS, argc, argv);
}
