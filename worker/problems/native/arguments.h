/** How a pass takes its arguments. */
#ifndef LOPT_ARGUMENTS_H
#define LOPT_ARGUMENTS_H

#include <stddef.h>
#include <stdint.h>

/** The array at the address that an argument is. */
#define FLOATS(i) ((float *)(memory + (size_t)arguments[i]))
#define OFFSETS(i) ((const int32_t *)(memory + (size_t)arguments[i]))
#define BYTES(i) ((const uint8_t *)(memory + (size_t)arguments[i]))
#define COUNT(i) ((ptrdiff_t)arguments[i])
#define SCALE(i) ((float)arguments[i])
/** A length in bytes, in floats. */
#define ROW(i) ((ptrdiff_t)arguments[i] / (ptrdiff_t)sizeof(float))
#define ADDRESS(i) ((uint32_t)arguments[i])

#define PASS(name) static __attribute__((unused)) double name(char *memory, const double *arguments)

#endif
