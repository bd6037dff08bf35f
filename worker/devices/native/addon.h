/** How C functions become JavaScript functions: numbers in, numbers out, arrays as offsets into one memory. */
#ifndef LOPT_ADDON_H
#define LOPT_ADDON_H

#include "instructions.h"

#define NAPI_VERSION 8
#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MAX_ARGUMENTS = 16 };

/** The memory that offsets are into: that of the ArrayBuffer which was attached last. */
struct memory {
  char *start;
  size_t bytes;
  /** Keeps the ArrayBuffer alive. */
  napi_ref buffer;
};

/** The arguments of a call as numbers; false, with an exception pending, unless there are `count`. */
bool numbers_of(napi_env env, napi_callback_info info, size_t count, double *numbers, void **data);

/** The floats at a byte offset; NULL, with an exception pending, unless `count` of them lie, aligned, within the memory. */
float *floats_at(napi_env env, const struct memory *memory, double offset, size_t count);

/**
 * For a binding whose `kernel` has a `memory` and whose call has the numbers `number`: floats at the offset that an argument
 * gives, or returns from the call with an exception.
 */
#define FLOATS(name, argument, count)                                               \
  float *name = floats_at(env, &kernel->memory, number[argument], (size_t)(count)); \
  if (!name) return NULL;

/** The only argument of a call, and what its method gets; false, with an exception pending, if they cannot be had. */
bool argument_of(napi_env env, napi_callback_info info, napi_value *argument, void **data);

/** Makes an ArrayBuffer the memory; it must not be detached or resized as long as it is. */
void attach(napi_env env, napi_value buffer, struct memory *memory);
void detach(napi_env env, struct memory *memory);

/** What methods get: it lives as long as any of them, since each can outlive its object. */
struct shared {
  size_t users;
  void (*free)(napi_env env, struct shared *shared);
};

/** Ends one use; a finalizer. */
void release(napi_env env, void *shared, void *hint);

/** Throws a JavaScript error unless a call of Node-API succeeded. */
bool succeeded(napi_env env, napi_status status);

/** A function that JavaScript sees. */
struct method {
  const char *name;
  napi_callback call;
};

/** Adds methods that get `shared`, which may be NULL. */
void add_methods(napi_env env, napi_value object, const struct method *methods, size_t count, struct shared *shared);
void add_number(napi_env env, napi_value object, const char *name, double value);

/** Adds what makes the LSTM's kernel. */
void add_lstm(napi_env env, napi_value exports);
/** Adds what makes the perceptron's kernel. */
void add_mlp(napi_env env, napi_value exports);
/** Adds the closed forms of the image families. */
void add_problems(napi_env env, napi_value exports);
/** Adds the steps of the hand-designed optimizers. */
void add_baselines(napi_env env, napi_value exports);

#endif
