/** Instruction sets. */
#ifndef LOPT_INSTRUCTIONS_H
#define LOPT_INSTRUCTIONS_H

#include <stdbool.h>

/** Instruction sets that are built in, the fastest first. */
enum instructions { AVX512, AVX2, NEON, INSTRUCTION_SETS };

/** Whether this processor has them. */
bool has_instructions(enum instructions set);

#endif
