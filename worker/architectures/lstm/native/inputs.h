/** The network's inputs and their derivatives, as in wasm/assembly/forward.ts. Rows are `width` long. */
#ifndef LOPT_INPUTS_H
#define LOPT_INPUTS_H

#include "activations.h"
#include "lstm.h"

#define DECAY 0.95f
#define EPSILON 1e-8f

/** LogAndSign (Andrychowicz et al. 2016, appendix A), or the gradient itself, into the rows x. */
INLINE void preprocess(const struct lstm *network, const float *gradient, float *x, int width) {
  if (network->inputs == LSTM_RAW) {
    memcpy(x, gradient, sizeof(float) * (size_t)width);
    return;
  }
  for (int b = 0; b < width; b += LOPT_LANES) {
    const tail_mask mask = tail_of(width - b);
    const vf value = load_tail(gradient + b, mask);
    const vf magnitude = magnitude_of(value);
    const vf sign = float_of(or_bits(sign_of(value), bits_of(splat(1))));
    const vf logarithm = log_of(magnitude) * splat(network->inverse_p);
    store_tail(x + b, where_not_less(magnitude, splat(network->threshold), logarithm, splat(-1)), mask);
    store_tail(x + width + b, where_not_less(magnitude, splat(network->threshold), sign, value * splat(network->exp_p)), mask);
  }
}

/** dL/d∇ from dL/dx, with both factors of LogAndSign of at most `limit` in magnitude, 0 for no limit. */
INLINE void preprocess_backward(const struct lstm *network, const float *gradient, const float *slopes, float *to,
                                float limit, int width) {
  if (network->inputs == LSTM_RAW) {
    memcpy(to, slopes, sizeof(float) * (size_t)width);
    return;
  }
  const float steepest = limit > 0 ? limit : INFINITY;
  const vf linear_slope = splat(network->exp_p < steepest ? network->exp_p : steepest);
  for (int b = 0; b < width; b += LOPT_LANES) {
    const tail_mask mask = tail_of(width - b);
    const vf value = load_tail(gradient + b, mask);
    const vf magnitude = magnitude_of(value);
    const vf steep = smaller(splat(steepest), splat(network->inverse_p) / magnitude);
    const vf logarithm = load_tail(slopes + b, mask) * float_of(or_bits(bits_of(steep), sign_of(value)));
    const vf linear = load_tail(slopes + width + b, mask) * linear_slope;
    store_tail(to + b, where_not_less(magnitude, splat(network->threshold), logarithm, linear), mask);
  }
}

/** RNNProp's inputs (Lv et al. 2017, arXiv 1703.03633) into the rows x; `moments` are rows of p, m and v. */
INLINE void normalise(const float *gradient, const float *moments, float *x, float *new_moments, int width) {
  const vf decay = splat(DECAY);
  const vf share = splat(1 - DECAY);
  for (int b = 0; b < width; b += LOPT_LANES) {
    const tail_mask mask = tail_of(width - b);
    const vf value = load_tail(gradient + b, mask);
    const vf p = fma_of(decay, load_tail(moments + b, mask), share);
    const vf m = fma_of(decay, load_tail(moments + width + b, mask), share * value);
    const vf v = fma_of(decay, load_tail(moments + 2 * width + b, mask), share * (value * value));
    const vf scale = root(v / p) + splat(EPSILON);
    store_tail(new_moments + b, p, mask);
    store_tail(new_moments + width + b, m, mask);
    store_tail(new_moments + 2 * width + b, v, mask);
    store_tail(x + b, value / scale, mask);
    store_tail(x + width + b, m / p / scale, mask);
  }
}

#endif
