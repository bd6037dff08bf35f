/**
 * The steps of worker/baselines/ operation by operation: the arithmetic is double, states and updates are rounded to
 * float32, and nothing is fused, so the bits are those of JavaScript.
 */
#include "../../devices/native/vectors.h"
#include "steps.h"

/** The loop over coordinates; arrays do not overlap, so that the compiler uses wide registers. */
#define STEP(name)                                                                                                   \
  static void name(const double *restrict numbers, const float *restrict gradient, float *restrict theta,           \
                   float *restrict first, float *restrict second, size_t count)

/** θ + g, with g rounded to float32. */
INLINE float moved(float theta, double update) { return theta + (float)update; }

STEP(sgd) {
  (void)first;
  (void)second;
  const double rate = -numbers[0];
  for (size_t i = 0; i < count; i++) theta[i] = moved(theta[i], rate * gradient[i]);
}

STEP(momentum) {
  (void)second;
  const double rate = -numbers[0], mu = numbers[1];
  for (size_t i = 0; i < count; i++) {
    const double velocity = gradient[i] + mu * first[i];
    first[i] = (float)velocity;
    theta[i] = moved(theta[i], rate * velocity);
  }
}

STEP(nag) {
  (void)second;
  const double rate = -numbers[0], mu = numbers[1];
  for (size_t i = 0; i < count; i++) {
    const double slope = gradient[i];
    const double velocity = slope + mu * first[i];
    first[i] = (float)velocity;
    theta[i] = moved(theta[i], rate * (slope + mu * velocity));
  }
}

STEP(adagrad) {
  (void)second;
  const double rate = -numbers[0], epsilon = numbers[1];
  for (size_t i = 0; i < count; i++) {
    const double slope = gradient[i];
    const double sum = first[i] + slope * slope;
    first[i] = (float)sum;
    const double update = rate * slope / sqrt(sum + epsilon);
    theta[i] = moved(theta[i], sum == 0 ? 0 : update);
  }
}

STEP(rmsprop) {
  (void)second;
  const double rate = -numbers[0], decay = numbers[1], share = 1 - decay, epsilon = numbers[2];
  for (size_t i = 0; i < count; i++) {
    const double slope = gradient[i];
    const double mean = decay * first[i] + share * slope * slope;
    first[i] = (float)mean;
    theta[i] = moved(theta[i], rate * slope / sqrt(mean + epsilon));
  }
}

/** `first` are step sizes, `second` signs. */
STEP(rprop) {
  const double shrink = numbers[1], grow = numbers[2], least = numbers[3], most = numbers[4];
  for (size_t i = 0; i < count; i++) {
    const double slope = gradient[i];
    // a zero keeps its sign, and a NaN stays one
    const double sign = slope > 0 ? 1 : slope < 0 ? -1 : slope;
    const double agreement = sign * second[i];
    double size = first[i] * (agreement > 0 ? grow : agreement < 0 ? shrink : 1);
    size = size < least ? least : size;
    size = size > most ? most : size;
    first[i] = (float)size;
    second[i] = (float)(agreement < 0 ? 0 : sign);
    theta[i] = moved(theta[i], agreement < 0 ? 0 : -size * sign);
  }
}

/** The last two numbers are 1 − β₁^t and 1 − β₂^t. */
STEP(adam) {
  const double rate = -numbers[0], epsilon = numbers[3], bias1 = numbers[4], bias2 = numbers[5];
  const double beta1 = numbers[1], share1 = 1 - beta1, beta2 = numbers[2], share2 = 1 - beta2;
  for (size_t i = 0; i < count; i++) {
    const double slope = gradient[i];
    const double m = beta1 * first[i] + share1 * slope;
    const double v = beta2 * second[i] + share2 * slope * slope;
    first[i] = (float)m;
    second[i] = (float)v;
    theta[i] = moved(theta[i], rate * (m / bias1) / (sqrt(v / bias2) + epsilon));
  }
}

const struct baseline_steps TABLE(baselines) = {{sgd, momentum, nag, adagrad, rmsprop, rprop, adam}};
