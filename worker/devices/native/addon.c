/** The addon's own functions: which instruction sets there are, and memory that is aligned to a cache line. */
#include "addon.h"
#include "peak.h"

#include <stdlib.h>

bool succeeded(napi_env env, napi_status status) {
  if (status == napi_ok) return true;
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (!pending) napi_throw_error(env, NULL, "Cannot compute natively: Node-API refused a call");
  return false;
}

bool numbers_of(napi_env env, napi_callback_info info, size_t count, double *numbers, void **data) {
  napi_value values[MAX_ARGUMENTS];
  size_t given = MAX_ARGUMENTS;
  if (!succeeded(env, napi_get_cb_info(env, info, &given, values, NULL, data))) return false;
  if (given != count) {
    napi_throw_type_error(env, NULL, "Cannot compute natively: the number of arguments is wrong");
    return false;
  }
  for (size_t i = 0; i < count; i++) {
    if (!succeeded(env, napi_get_value_double(env, values[i], &numbers[i]))) return false;
  }
  return true;
}

bool argument_of(napi_env env, napi_callback_info info, napi_value *argument, void **data) {
  size_t count = 1;
  return succeeded(env, napi_get_cb_info(env, info, &count, argument, NULL, data));
}

float *floats_at(napi_env env, const struct memory *memory, double offset, size_t count) {
  // without a product that could overflow
  if (offset >= 0 && count <= memory->bytes / sizeof(float)) {
    const size_t last = memory->bytes - count * sizeof(float);
    if (offset <= (double)last && (size_t)offset % sizeof(float) == 0) return (float *)(memory->start + (size_t)offset);
  }
  napi_throw_range_error(env, NULL, "Cannot compute natively: an array must lie, aligned, within the memory");
  return NULL;
}

void attach(napi_env env, napi_value buffer, struct memory *memory) {
  void *start = NULL;
  size_t bytes = 0;
  if (!succeeded(env, napi_get_arraybuffer_info(env, buffer, &start, &bytes))) return;
  napi_ref reference = NULL;
  if (!succeeded(env, napi_create_reference(env, buffer, 1, &reference))) return;
  detach(env, memory);
  *memory = (struct memory){start, bytes, reference};
}

void detach(napi_env env, struct memory *memory) {
  if (memory->buffer) napi_delete_reference(env, memory->buffer);
  *memory = (struct memory){NULL, 0, NULL};
}

void release(napi_env env, void *data, void *hint) {
  (void)hint;
  struct shared *shared = data;
  if (--shared->users == 0) shared->free(env, shared);
}

void add_methods(napi_env env, napi_value object, const struct method *methods, size_t count, struct shared *shared) {
  for (size_t i = 0; i < count; i++) {
    const struct method *method = &methods[i];
    napi_value function = NULL;
    if (!succeeded(env, napi_create_function(env, method->name, NAPI_AUTO_LENGTH, method->call, shared, &function))) return;
    if (shared) {
      if (!succeeded(env, napi_add_finalizer(env, function, shared, release, NULL, NULL))) return;
      shared->users++;
    }
    if (!succeeded(env, napi_set_named_property(env, object, method->name, function))) return;
  }
}

void add_number(napi_env env, napi_value object, const char *name, double value) {
  napi_value number = NULL;
  if (succeeded(env, napi_create_double(env, value, &number))) napi_set_named_property(env, object, name, number);
}

/** instructionSets(): the names of those that this processor has, the fastest first. */
static napi_value instruction_sets(napi_env env, napi_callback_info info) {
  (void)info;
  static const char *const names[INSTRUCTION_SETS] = {"avx512", "avx2", "neon"};
  napi_value list = NULL;
  if (!succeeded(env, napi_create_array(env, &list))) return NULL;
  uint32_t length = 0;
  for (int set = 0; set < INSTRUCTION_SETS; set++) {
    napi_value name = NULL;
    if (!has_instructions((enum instructions)set)) continue;
    if (!succeeded(env, napi_create_string_utf8(env, names[set], NAPI_AUTO_LENGTH, &name))) return NULL;
    if (!succeeded(env, napi_set_element(env, list, length++, name))) return NULL;
  }
  return list;
}

#if defined(__x86_64__)
extern const peak_loop peak_avx512, peak_avx2;
#else
extern const peak_loop peak_neon;
#endif

/** peak(iterations): floating-point operations done, as wide as the processor can. */
static napi_value peak(napi_env env, napi_callback_info info) {
  double iterations = 0;
  if (!numbers_of(env, info, 1, &iterations, NULL)) return NULL;
#if defined(__x86_64__)
  if (!has_instructions(AVX2)) {
    napi_throw_error(env, NULL, "Cannot compute natively: the processor must have AVX2 and FMA");
    return NULL;
  }
  const peak_loop loop = has_instructions(AVX512) ? peak_avx512 : peak_avx2;
#else
  const peak_loop loop = peak_neon;
#endif
  volatile float sum = 0;
  float result = 0;
  const double operations = loop(iterations, &result);
  sum = result;
  (void)sum;
  napi_value number = NULL;
  if (!succeeded(env, napi_create_double(env, operations, &number))) return NULL;
  return number;
}

static void free_memory(napi_env env, void *start, void *block) {
  (void)env;
  (void)start;
  free(block);
}

/** allocate(bytes): an ArrayBuffer of zeros that begins at a multiple of 64. */
static napi_value allocate(napi_env env, napi_callback_info info) {
  double bytes = 0;
  if (!numbers_of(env, info, 1, &bytes, NULL)) return NULL;
  if (!(bytes >= 0 && bytes < 9e15)) {
    napi_throw_range_error(env, NULL, "Cannot compute natively: the memory's size must be a number of bytes");
    return NULL;
  }
  const size_t size = ((size_t)bytes + 63) / 64 * 64;
  // calloc takes no page that is not used
  char *block = calloc(1, size + 64);
  if (!block) {
    napi_throw_range_error(env, NULL, "Cannot compute natively: there must be more free memory");
    return NULL;
  }
  char *start = block + (64 - (uintptr_t)block % 64);
  napi_value buffer = NULL;
  const napi_status status = napi_create_external_arraybuffer(env, start, size, free_memory, block, &buffer);
  if (status == napi_ok) return buffer;
  if (status == napi_no_external_buffers_allowed) {
    free(block);
    napi_throw_error(env, NULL, "Cannot compute natively: this runtime takes no memory from outside");
    return NULL;
  }
  // Node frees it by the finalizer
  napi_value error = NULL;
  napi_get_and_clear_last_exception(env, &error);
  napi_throw_range_error(env, NULL, "Cannot compute natively: this version of Node takes less memory in one piece");
  return NULL;
}

NAPI_MODULE_INIT() {
  static const struct method methods[] = {{"instructionSets", instruction_sets}, {"allocate", allocate}, {"peak", peak}};
  add_methods(env, exports, methods, sizeof methods / sizeof *methods, NULL);
  add_lstm(env, exports);
  add_mlp(env, exports);
  add_baselines(env, exports);
  add_problems(env, exports);
  return exports;
}
