/** The steps as one JavaScript function. */
#include "../../devices/native/addon.h"
#include "steps.h"

#if defined(__x86_64__)
extern const struct baseline_steps baselines_avx512, baselines_avx2;
static const struct baseline_steps *const STEPS[INSTRUCTION_SETS] = {
    [AVX512] = &baselines_avx512,
    [AVX2] = &baselines_avx2,
};
#else
extern const struct baseline_steps baselines_neon;
static const struct baseline_steps *const STEPS[INSTRUCTION_SETS] = {[NEON] = &baselines_neon};
#endif

/** The elements of a typed array of a type, and how many there are; NULL, with an exception pending, otherwise. */
static void *elements_of(napi_env env, napi_value value, napi_typedarray_type type, size_t *length) {
  napi_typedarray_type found;
  void *elements = NULL;
  bool is_typed = false;
  if (!succeeded(env, napi_is_typedarray(env, value, &is_typed))) return NULL;
  if (is_typed && !succeeded(env, napi_get_typedarray_info(env, value, &found, length, &elements, NULL, NULL))) return NULL;
  if (is_typed && found == type && elements) return elements;
  napi_throw_type_error(env, NULL, "Cannot compute natively: an array has another type");
  return NULL;
}

/** baselineStep(set, optimizer, numbers, gradient, theta, first, second): one step, in place. */
static napi_value step(napi_env env, napi_callback_info info) {
  napi_value values[7];
  size_t count = 7;
  if (!succeeded(env, napi_get_cb_info(env, info, &count, values, NULL, NULL))) return NULL;
  uint32_t set = 0, optimizer = 0;
  if (!succeeded(env, napi_get_value_uint32(env, values[0], &set))) return NULL;
  if (!succeeded(env, napi_get_value_uint32(env, values[1], &optimizer))) return NULL;
  size_t numbers_length = 0;
  const double *numbers = elements_of(env, values[2], napi_float64_array, &numbers_length);
  float *arrays[4];
  size_t length = 0;
  for (int i = 0; i < 4; i++) {
    size_t own = 0;
    arrays[i] = numbers ? elements_of(env, values[3 + i], napi_float32_array, &own) : NULL;
    if (!arrays[i]) return NULL;
    if (i == 0) length = own;
    if (own != length) set = INSTRUCTION_SETS;
  }
  if (set >= INSTRUCTION_SETS || !STEPS[set] || !has_instructions((enum instructions)set) || optimizer >= BASELINES ||
      numbers_length != BASELINE_NUMBERS) {
    napi_throw_range_error(env, NULL, "Cannot compute natively: the optimizer or the lengths of its arrays are wrong");
    return NULL;
  }
  STEPS[set]->step[optimizer](numbers, arrays[0], arrays[1], arrays[2], arrays[3], length);
  return NULL;
}

void add_baselines(napi_env env, napi_value exports) {
  static const struct method methods[] = {{"baselineStep", step}};
  add_methods(env, exports, methods, 1, NULL);
}
