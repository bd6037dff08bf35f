/** A loop of independent multiply-adds: what one thread could do at most. */
#include "peak.h"
#include "vectors.h"

/** More than the latency of a multiply-add times how many begin in a cycle. */
enum { CHAINS = 12 };

static double peak(double iterations, float *sum) {
  vf value[CHAINS];
  UNROLL for (int i = 0; i < CHAINS; i++) value[i] = splat((float)i);
  // volatile, so that nothing is known of them when this is compiled
  volatile float factor = 0.5f, term = 0.25f;
  const vf a = splat(factor), b = splat(term);
  for (double done = 0; done < iterations; done++) {
    UNROLL for (int i = 0; i < CHAINS; i++) value[i] = fma_of(value[i], a, b);
  }
  float lanes[LOPT_LANES];
  UNROLL for (int i = 1; i < CHAINS; i++) value[0] = value[0] + value[i];
  store(lanes, value[0]);
  *sum = lanes[0];
  return iterations * 2 * CHAINS * LOPT_LANES;
}

const peak_loop TABLE(peak) = peak;
