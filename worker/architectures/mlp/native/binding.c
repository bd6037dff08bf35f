/** The perceptron's passes as a JavaScript object. */
#include "../../../devices/native/addon.h"
#include "mlp.h"

#include <math.h>
#include <stdlib.h>

#if defined(__x86_64__)
extern const struct mlp_passes mlp_avx512, mlp_avx512_strict, mlp_avx2, mlp_avx2_strict;
static const struct mlp_passes *const PASSES[INSTRUCTION_SETS][2] = {
    [AVX512] = {&mlp_avx512, &mlp_avx512_strict},
    [AVX2] = {&mlp_avx2, &mlp_avx2_strict},
};
#else
extern const struct mlp_passes mlp_neon, mlp_neon_strict;
static const struct mlp_passes *const PASSES[INSTRUCTION_SETS][2] = {[NEON] = {&mlp_neon, &mlp_neon_strict}};
#endif

struct kernel {
  struct shared shared;
  const struct mlp_passes *passes;
  int units[MLP_MAX_LAYERS], layers;
  struct memory memory;
};

static void free_kernel(napi_env env, struct shared *shared) {
  struct kernel *kernel = (struct kernel *)shared;
  detach(env, &kernel->memory);
  free(kernel);
}

/** Declares the kernel and the numbers of a call, or returns from it with an exception. */
#define CALL(count)                                              \
  double number[count];                                          \
  void *data = NULL;                                             \
  if (!numbers_of(env, info, count, number, &data)) return NULL; \
  const struct kernel *kernel = data;

/** The most elements of a tensor: products of them do not overflow. */
static const double MOST = 1073741824;

static bool is_count(napi_env env, double value) {
  if (value >= 1 && value <= MOST && value == floor(value)) return true;
  napi_throw_range_error(env, NULL, "Cannot compute natively: a tensor must have 1 to 2^30 elements");
  return false;
}

static size_t padded_to(size_t count, size_t multiple) { return (count + multiple - 1) / multiple * multiple; }

/** The tensor that a call's first six arguments give; false, with an exception pending, if it does not lie in the memory. */
static bool tensor_of(napi_env env, const struct kernel *kernel, const double *number, struct mlp_tensor *tensor) {
  for (int i = 3; i < 6; i++) {
    if (!is_count(env, number[i])) return false;
  }
  const size_t stride = (size_t)number[3], rows = (size_t)number[4], columns = (size_t)number[5];
  if (number[4] * number[5] > number[3] || stride % MLP_GROUP != 0) {
    napi_throw_range_error(env, NULL, "Cannot compute natively: a tensor's rows must fit its memory");
    return false;
  }
  // vectors may reach beyond the last row
  const size_t reach = stride + MLP_GROUP;
  const float *gradient = floats_at(env, &kernel->memory, number[0], reach);
  const float *theta = gradient ? floats_at(env, &kernel->memory, number[1], reach) : NULL;
  float *moments = theta ? floats_at(env, &kernel->memory, number[2], 4 * stride + MLP_GROUP) : NULL;
  *tensor = (struct mlp_tensor){gradient, theta, moments, stride, rows, columns};
  return moments != NULL;
}

#define TENSOR                                              \
  struct mlp_tensor tensor;                                 \
  if (!tensor_of(env, kernel, number, &tensor)) return NULL; \
  const size_t padded = padded_to(tensor.columns, MLP_GROUP);

static napi_value attach_memory(napi_env env, napi_callback_info info) {
  napi_value buffer = NULL;
  void *data = NULL;
  if (argument_of(env, info, &buffer, &data)) attach(env, buffer, &((struct kernel *)data)->memory);
  return NULL;
}

static napi_value moments(napi_env env, napi_callback_info info) {
  CALL(8)
  TENSOR
  (void)padded;
  FLOATS(numbers, 6, MOMENT_NUMBERS)
  FLOATS(sums, 7, 6)
  kernel->passes->moments(&tensor, tensor.stride, numbers, sums);
  return NULL;
}

static napi_value squares(napi_env env, napi_callback_info info) {
  CALL(9)
  TENSOR
  FLOATS(row_sums, 7, tensor.rows)
  FLOATS(column_sums, 8, padded)
  kernel->passes->squares(&tensor, (float)number[6], row_sums, column_sums);
  return NULL;
}

static napi_value feature_sums(napi_env env, napi_callback_info info) {
  CALL(10)
  TENSOR
  FLOATS(rows, 6, 3 * tensor.rows)
  FLOATS(columns, 7, 6 * padded)
  FLOATS(numbers, 8, FEATURE_NUMBERS)
  FLOATS(sums, 9, MLP_FEATURES)
  kernel->passes->feature_sums(&tensor, &(struct mlp_factors){rows, columns}, numbers, sums);
  return NULL;
}

static napi_value project(napi_env env, napi_callback_info info) {
  CALL(5)
  if (!is_count(env, number[1] + 1) || !is_count(env, number[2])) return NULL;
  const size_t count = (size_t)number[1], length = (size_t)number[2];
  const size_t units = kernel->layers > 0 ? (size_t)kernel->units[0] : 0;
  if (count > MLP_FEATURES || length % MLP_GROUP != 0) {
    napi_throw_range_error(env, NULL, "Cannot compute natively: these are too many vectors, or they are not padded");
    return NULL;
  }
  FLOATS(vectors, 0, count * length)
  FLOATS(weights, 3, (count + 1) * units)
  FLOATS(parts, 4, units * length)
  kernel->passes->project(vectors, count, length, weights, units, parts);
  return NULL;
}

static napi_value apply(napi_env env, napi_callback_info info) {
  CALL(13)
  TENSOR
  FLOATS(rows, 6, 3 * tensor.rows)
  FLOATS(columns, 7, 6 * padded)
  struct mlp_network network = {.layers = kernel->layers};
  const size_t first = kernel->layers > 0 ? (size_t)kernel->units[0] : 0;
  for (int l = 0; l < kernel->layers; l++) network.units[l] = kernel->units[l];
  FLOATS(row_part, 8, first * padded_to(tensor.rows, MLP_GROUP))
  network.row_part = row_part;
  if (number[9] != 0) {
    FLOATS(column_part, 9, first * padded)
    network.column_part = column_part;
  }
  FLOATS(weights, 10, mlp_weights(kernel->units, kernel->layers))
  network.weights = weights;
  FLOATS(numbers, 11, APPLY_NUMBERS)
  FLOATS(updates, 12, tensor.stride + MLP_GROUP)
  kernel->passes->apply(&tensor, &(struct mlp_factors){rows, columns}, &network, numbers, updates);
  return NULL;
}

/** mlp(set, strict, ...units): the passes for a network, its layers padded. */
static napi_value create(napi_env env, napi_callback_info info) {
  double number[2 + MLP_MAX_LAYERS];
  napi_value values[2 + MLP_MAX_LAYERS];
  size_t count = 2 + MLP_MAX_LAYERS;
  if (!succeeded(env, napi_get_cb_info(env, info, &count, values, NULL, NULL))) return NULL;
  const int layers = (int)count - 2;
  bool is_valid = layers >= 0 && layers <= MLP_MAX_LAYERS;
  for (size_t i = 0; is_valid && i < count; i++) is_valid = napi_get_value_double(env, values[i], &number[i]) == napi_ok;
  is_valid = is_valid && number[0] >= 0 && number[0] < INSTRUCTION_SETS && has_instructions((enum instructions)(int)number[0]);
  for (int l = 0; is_valid && l < layers; l++) {
    const double units = number[2 + l];
    is_valid = units >= MLP_UNITS && units <= MLP_MAX_UNITS && fmod(units, MLP_UNITS) == 0;
  }
  struct kernel *kernel = is_valid ? calloc(1, sizeof *kernel) : NULL;
  if (!kernel) {
    napi_throw_range_error(env, NULL, "Cannot compute natively: the network has another shape than the kernel takes");
    return NULL;
  }
  kernel->passes = PASSES[(int)number[0]][number[1] != 0];
  kernel->layers = layers;
  for (int l = 0; l < layers; l++) kernel->units[l] = (int)number[2 + l];
  // this function uses it, too, until the methods do
  kernel->shared = (struct shared){1, free_kernel};
  static const struct method methods[] = {
      {"attach", attach_memory},      {"moments", moments}, {"squares", squares},
      {"featureSums", feature_sums}, {"project", project}, {"apply", apply},
  };
  napi_value object = NULL;
  if (succeeded(env, napi_create_object(env, &object))) {
    add_methods(env, object, methods, sizeof methods / sizeof *methods, &kernel->shared);
  }
  release(env, &kernel->shared, NULL);
  return object;
}

void add_mlp(napi_env env, napi_value exports) {
  static const struct method methods[] = {{"mlp", create}};
  add_methods(env, exports, methods, 1, NULL);
}
