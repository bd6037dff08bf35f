/** The passes of the problems as JavaScript objects, whose methods have the names and arguments of those in WebAssembly. */
#include "../../devices/native/addon.h"
#include "passes.h"

#include <stdlib.h>
#include <string.h>

enum family { DENSE, CONV, FAMILIES };

#if defined(__x86_64__)
extern pass_list dense_passes_avx512, dense_passes_avx2, conv_passes_avx512, conv_passes_avx2;
static const struct pass *const PASSES[INSTRUCTION_SETS][FAMILIES] = {
    [AVX512] = {dense_passes_avx512, conv_passes_avx512},
    [AVX2] = {dense_passes_avx2, conv_passes_avx2},
};
#else
extern pass_list dense_passes_neon, conv_passes_neon;
static const struct pass *const PASSES[INSTRUCTION_SETS][FAMILIES] = {[NEON] = {dense_passes_neon, conv_passes_neon}};
#endif

/** A memory, and how many methods use it. */
struct kernel {
  size_t users;
  struct memory memory;
};

/** What one method gets. */
struct bound {
  struct shared shared;
  struct kernel *kernel;
  const struct pass *pass;
};

static void free_bound(napi_env env, struct shared *shared) {
  struct bound *bound = (struct bound *)shared;
  struct kernel *kernel = bound->kernel;
  free(bound);
  if (--kernel->users > 0) return;
  detach(env, &kernel->memory);
  free(kernel);
}

static napi_value attach_memory(napi_env env, napi_callback_info info) {
  napi_value buffer = NULL;
  void *data = NULL;
  if (argument_of(env, info, &buffer, &data)) attach(env, buffer, &((struct bound *)data)->kernel->memory);
  return NULL;
}

/** Whether an argument is what the pass takes: an address lies in the memory, a count is a whole number of at least 0. */
static bool is_valid(char kind, double number, const struct memory *memory) {
  if (kind == 'f') return true;
  if (!(number >= 0 && number <= (double)memory->bytes)) return false;
  return number == (double)(size_t)number;
}

static napi_value call(napi_env env, napi_callback_info info) {
  double numbers[MAX_ARGUMENTS];
  napi_value values[MAX_ARGUMENTS];
  size_t count = MAX_ARGUMENTS;
  void *data = NULL;
  if (!succeeded(env, napi_get_cb_info(env, info, &count, values, NULL, &data))) return NULL;
  const struct bound *bound = data;
  const struct memory *memory = &bound->kernel->memory;
  const char *kinds = bound->pass->kinds;
  if (count != strlen(kinds)) {
    napi_throw_type_error(env, NULL, "Cannot compute natively: the number of arguments is wrong");
    return NULL;
  }
  for (size_t i = 0; i < count; i++) {
    if (!succeeded(env, napi_get_value_double(env, values[i], &numbers[i]))) return NULL;
    if (is_valid(kinds[i], numbers[i], memory)) continue;
    napi_throw_range_error(env, NULL, "Cannot compute natively: an array must lie within the memory");
    return NULL;
  }
  napi_value result = NULL;
  if (!succeeded(env, napi_create_double(env, bound->pass->run(memory->start, numbers), &result))) return NULL;
  return result;
}

/** Adds a method; false, with an exception pending, if that fails. */
static bool add(napi_env env, napi_value object, struct kernel *kernel, const struct pass *pass) {
  struct bound *bound = calloc(1, sizeof *bound);
  if (!bound) {
    napi_throw_range_error(env, NULL, "Cannot compute natively: there must be more free memory");
    return false;
  }
  // this function uses it, too, until the method does
  *bound = (struct bound){{1, free_bound}, kernel, pass};
  kernel->users++;
  const struct method method = pass ? (struct method){pass->name, call} : (struct method){"attach", attach_memory};
  add_methods(env, object, &method, 1, &bound->shared);
  release(env, &bound->shared, NULL);
  bool pending = true;
  return napi_is_exception_pending(env, &pending) == napi_ok && !pending;
}

/** problemPasses(set, family): the passes of dense networks, 0, or convolutional ones, 1. */
static napi_value create(napi_env env, napi_callback_info info) {
  double number[2];
  if (!numbers_of(env, info, 2, number, NULL)) return NULL;
  const bool is_known = number[0] >= 0 && number[0] < INSTRUCTION_SETS && number[1] >= 0 && number[1] < FAMILIES &&
                        has_instructions((enum instructions)(int)number[0]);
  if (!is_known) {
    napi_throw_range_error(env, NULL, "Cannot compute natively: there are no such passes");
    return NULL;
  }
  napi_value object = NULL;
  struct kernel *kernel = calloc(1, sizeof *kernel);
  if (!kernel || !succeeded(env, napi_create_object(env, &object))) {
    free(kernel);
    return NULL;
  }
  kernel->users = 1;
  const struct pass *pass = PASSES[(int)number[0]][(int)number[1]];
  bool is_complete = add(env, object, kernel, NULL);
  for (; is_complete && pass->name; pass++) is_complete = add(env, object, kernel, pass);
  if (--kernel->users == 0) free(kernel);
  return is_complete ? object : NULL;
}

void add_problems(napi_env env, napi_value exports) {
  static const struct method methods[] = {{"problemPasses", create}};
  add_methods(env, exports, methods, 1, NULL);
}
