/** The LSTM's kernel as a JavaScript object. */
#include "../../../devices/native/addon.h"
#include "lstm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
extern const struct lstm_passes lstm_avx512, lstm_avx512_strict, lstm_avx2, lstm_avx2_strict;
static const struct lstm_passes *const PASSES[INSTRUCTION_SETS][2] = {
    [AVX512] = {&lstm_avx512, &lstm_avx512_strict},
    [AVX2] = {&lstm_avx2, &lstm_avx2_strict},
};
#else
extern const struct lstm_passes lstm_neon, lstm_neon_strict;
static const struct lstm_passes *const PASSES[INSTRUCTION_SETS][2] = {[NEON] = {&lstm_neon, &lstm_neon_strict}};
#endif

struct kernel {
  struct shared shared;
  struct lstm *network;
  const struct lstm_passes *passes;
  struct memory memory;
};

static void free_kernel(napi_env env, struct shared *shared) {
  struct kernel *kernel = (struct kernel *)shared;
  detach(env, &kernel->memory);
  lstm_free(kernel->network);
  free(kernel);
}

/** Declares the kernel, its network and the numbers of a call, or returns from it with an exception. */
#define CALL(count)                                                     \
  double number[count];                                                 \
  void *data = NULL;                                                    \
  if (!numbers_of(env, info, count, number, &data)) return NULL;        \
  const struct kernel *kernel = data;                                   \
  const struct lstm *network = kernel->network;                         \
  (void)network;

static bool is_width(napi_env env, double width) {
  if (width >= 8 && width <= LSTM_BLOCK && fmod(width, 8) == 0) return true;
  napi_throw_range_error(env, NULL, "Cannot compute natively: a block's width must be a multiple of 8 up to 64");
  return false;
}

static bool is_steps(napi_env env, double steps) {
  if (steps >= 1 && steps <= 1e9) return true;
  napi_throw_range_error(env, NULL, "Cannot compute natively: there must be a step");
  return false;
}

/** Floats from one step's gradients to the next's, given in bytes. */
static bool is_stride(napi_env env, double bytes) {
  if (bytes >= 0 && bytes <= 4e10 && fmod(bytes, sizeof(float)) == 0) return true;
  napi_throw_range_error(env, NULL, "Cannot compute natively: the gradients of a step must begin at a whole float");
  return false;
}

static napi_value attach_memory(napi_env env, napi_callback_info info) {
  napi_value buffer = NULL;
  void *data = NULL;
  if (argument_of(env, info, &buffer, &data)) attach(env, buffer, &((struct kernel *)data)->memory);
  return NULL;
}

static napi_value load_phi(napi_env env, napi_callback_info info) {
  CALL(1)
  FLOATS(phi, 0, network->phi_length)
  lstm_load_phi(kernel->network, phi);
  return NULL;
}

static napi_value forward_block(napi_env env, napi_callback_info info) {
  CALL(5)
  if (!is_width(env, number[4])) return NULL;
  const int width = (int)number[4];
  FLOATS(gradient, 0, width)
  FLOATS(state, 1, network->state_rows * width)
  FLOATS(record, 2, network->record_rows * width)
  FLOATS(updates, 3, width)
  kernel->passes->forward_block(network, gradient, state, record, updates, width);
  return NULL;
}

static napi_value backward_block(napi_env env, napi_callback_info info) {
  CALL(9)
  if (!is_width(env, number[8]) || !is_steps(env, number[1]) || !is_stride(env, number[3])) return NULL;
  const int width = (int)number[8], steps = (int)number[1];
  const size_t stride = (size_t)number[3] / sizeof(float);
  FLOATS(records, 0, (size_t)(steps + 1) * (size_t)(network->record_rows * width))
  FLOATS(gradients, 2, (size_t)steps * stride + (size_t)width)
  FLOATS(weights, 4, steps)
  const float *extra = NULL;
  if (number[5] != 0) {
    FLOATS(more, 5, (size_t)(steps - 1) * stride + (size_t)width)
    extra = more;
  }
  FLOATS(scratch, 6, (network->state_rows + 1) * width)
  FLOATS(dphi, 7, network->phi_length)
  kernel->passes->backward_block(network, records, steps, gradients, stride, weights, extra, scratch, dphi, width);
  return NULL;
}

static napi_value backward_step(napi_env env, napi_callback_info info) {
  CALL(8)
  if (!is_width(env, number[7])) return NULL;
  const int width = (int)number[7];
  const size_t record_length = (size_t)(network->record_rows * width);
  // the record before is read too
  FLOATS(before, 0, record_length)
  if (!floats_at(env, &kernel->memory, number[0] - (double)(sizeof(float) * record_length), 2 * record_length)) return NULL;
  FLOATS(slope, 1, width)
  FLOATS(carry, 2, network->state_rows * width)
  FLOATS(gradient, 3, width)
  FLOATS(input_slope, 4, width)
  FLOATS(scratch, 6, network->input_rows * width)
  kernel->passes->backward_step(network, before, slope, carry, gradient, input_slope, (float)number[5], scratch, width);
  return NULL;
}

static napi_value weight_gradients(napi_env env, napi_callback_info info) {
  CALL(4)
  if (!is_width(env, number[3]) || !is_steps(env, number[1])) return NULL;
  const int width = (int)number[3], steps = (int)number[1];
  if (steps > LSTM_CHUNK) {
    napi_throw_range_error(env, NULL, "Cannot compute natively: these are too many steps at once");
    return NULL;
  }
  FLOATS(records, 0, (size_t)(steps + 1) * (size_t)(network->record_rows * width))
  FLOATS(dphi, 2, network->phi_length)
  kernel->passes->weight_gradients(network, records, steps, dphi, width);
  return NULL;
}

static napi_value copy_state(napi_env env, napi_callback_info info) {
  CALL(3)
  if (!is_width(env, number[2])) return NULL;
  const int width = (int)number[2];
  FLOATS(record, 0, network->record_rows * width)
  FLOATS(state, 1, network->state_rows * width)
  memcpy(state, record + network->input_rows * width, sizeof(float) * (size_t)(network->state_rows * width));
  return NULL;
}

/** lstm(set, strict, inputs, outputScale, e^−p, 1/p, e^p, ...units): the kernel of a network. */
enum { LSTM_NUMBERS = 7 };

static napi_value create(napi_env env, napi_callback_info info) {
  double number[LSTM_NUMBERS + LSTM_MAX_LAYERS];
  napi_value values[LSTM_NUMBERS + LSTM_MAX_LAYERS];
  size_t count = LSTM_NUMBERS + LSTM_MAX_LAYERS;
  if (!succeeded(env, napi_get_cb_info(env, info, &count, values, NULL, NULL))) return NULL;
  const int layers = (int)count - LSTM_NUMBERS;
  bool is_valid = layers >= 1 && layers <= LSTM_MAX_LAYERS;
  for (size_t i = 0; is_valid && i < count; i++) is_valid = napi_get_value_double(env, values[i], &number[i]) == napi_ok;
  is_valid = is_valid && number[0] >= 0 && number[0] < INSTRUCTION_SETS;
  is_valid = is_valid && has_instructions((enum instructions)(int)number[0]) && number[2] >= 0 && number[2] <= LSTM_BOTH;
  int units[LSTM_MAX_LAYERS];
  for (int l = 0; is_valid && l < layers; l++) {
    is_valid = number[LSTM_NUMBERS + l] >= 1 && number[LSTM_NUMBERS + l] <= LSTM_MAX_UNITS;
    units[l] = is_valid ? (int)number[LSTM_NUMBERS + l] : 0;
  }
  if (!is_valid) {
    napi_throw_range_error(env, NULL, "Cannot compute natively: the network has another shape than the kernel takes");
    return NULL;
  }
  struct kernel *kernel = calloc(1, sizeof *kernel);
  const float p_numbers[3] = {(float)number[4], (float)number[5], (float)number[6]};
  if (kernel) {
    kernel->network = lstm_create((enum lstm_inputs)(int)number[2], (float)number[3], p_numbers, units, layers);
  }
  if (!kernel || !kernel->network) {
    free(kernel);
    napi_throw_range_error(env, NULL, "Cannot compute natively: there must be more free memory");
    return NULL;
  }
  kernel->passes = PASSES[(int)number[0]][number[1] != 0];
  // this function uses it, too, until the methods do
  kernel->shared = (struct shared){1, free_kernel};
  static const struct method methods[] = {
      {"attach", attach_memory},       {"loadPhi", load_phi},           {"forwardBlock", forward_block},
      {"backwardBlock", backward_block}, {"backwardStep", backward_step}, {"weightGradients", weight_gradients},
      {"copyState", copy_state},
  };
  napi_value object = NULL;
  if (!succeeded(env, napi_create_object(env, &object))) {
    release(env, &kernel->shared, NULL);
    return NULL;
  }
  add_methods(env, object, methods, sizeof methods / sizeof *methods, &kernel->shared);
  add_number(env, object, "inputRows", kernel->network->input_rows);
  add_number(env, object, "stateRows", kernel->network->state_rows);
  add_number(env, object, "recordRows", kernel->network->record_rows);
  add_number(env, object, "chunk", LSTM_CHUNK);
  release(env, &kernel->shared, NULL);
  return object;
}

void add_lstm(napi_env env, napi_value exports) {
  static const struct method methods[] = {{"lstm", create}};
  add_methods(env, exports, methods, 1, NULL);
}
