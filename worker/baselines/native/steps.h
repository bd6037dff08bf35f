/** One step of the hand-designed optimizers, in place. */
#ifndef LOPT_BASELINES_H
#define LOPT_BASELINES_H

#include <stddef.h>

/** In the order of native-walk.ts. */
enum baseline { SGD, MOMENTUM, NAG, ADAGRAD, RMSPROP, RPROP, ADAM, BASELINES };

/** The most numbers that an optimizer has. */
enum { BASELINE_NUMBERS = 7 };

/**
 * Adds the update to θ [count], given ∇ [count]; `first` and `second` are the state, [count] each if the optimizer has
 * them. `numbers` are its options, the learning rate first.
 */
typedef void (*baseline_step)(const double *numbers, const float *gradient, float *theta, float *first, float *second,
                              size_t count);

struct baseline_steps {
  baseline_step step[BASELINES];
};

#endif
