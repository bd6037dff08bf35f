/**
 * The shape of the network, the packed copies of its weights, and the layout of memory: those of the wasm kernel
 * (wasm/assembly/network.ts), so that one driver serves both.
 */
#ifndef LOPT_LSTM_H
#define LOPT_LSTM_H

#include <stddef.h>

/** Those of shared/architectures/lstm.ts. With these, no count of floats below overflows an int. */
enum { LSTM_MAX_LAYERS = 8, LSTM_MAX_UNITS = 512 };
/** The network's input: the gradient itself, LogAndSign, RNNProp's normalised gradient and momentum, or both. */
enum lstm_inputs { LSTM_RAW, LSTM_LOG_AND_SIGN, LSTM_RNNPROP, LSTM_BOTH };

/** Steps whose weight gradients are computed together, so that their inputs stay in the second-level cache. */
enum { LSTM_CHUNK = 5 };
/** Coordinates of the widest block. */
enum { LSTM_BLOCK = 64 };

struct lstm_layer {
  int units;
  /** Rows that it reads from below: x, or the layer under it. */
  int below;
  /** Where its weights start in φ. */
  int phi_at;
  /** First row of its h within the state; its c follows. */
  int state_at;
  /** First row of its gates within the record; its tanh c follows. */
  int gates_at;
  /** Per unit: the 4 gates' biases, then per row the 4 gates' weights. */
  float *forward;
  /** Per 4 rows (those below, then the recurrent ones, each padded to 4), per column: 4 weights. */
  float *backward;
};

struct lstm {
  enum lstm_inputs inputs;
  int layers, input_rows, state_rows, record_rows, phi_length;
  /** First row of RNNProp's moments within the state. */
  int moments_at;
  float output_scale;
  /** Of LogAndSign's p: e^−p, 1/p and e^p. */
  float threshold, inverse_p, exp_p;
  /** outputScale·w, then outputScale·b. */
  float *output;
  /** The dz of one layer for the weight gradients: [unit][step][group of coordinates][gate][4]. */
  float *packed;
  struct lstm_layer layer[LSTM_MAX_LAYERS];
};

/** Makes a network; NULL if there is no memory. `p_numbers` are e^−p, 1/p and e^p of LogAndSign. */
struct lstm *lstm_create(enum lstm_inputs inputs, float output_scale, const float p_numbers[3], const int *units,
                         int layers);
void lstm_free(struct lstm *network);
/** Packs φ, in the order of shared/phi.ts, for the two passes. */
void lstm_load_phi(struct lstm *network, const float *phi);

/** The passes, by instruction set and arithmetic; their arguments are described in wasm/assembly/. */
struct lstm_passes {
  void (*forward_block)(const struct lstm *, const float *gradient, const float *state, float *record, float *updates,
                        int width);
  void (*backward_block)(const struct lstm *, float *records, int steps, const float *gradients,
                         size_t gradient_stride, const float *weights, const float *extra, float *scratch, float *dphi,
                         int width);
  void (*backward_step)(const struct lstm *, float *record, const float *slope, float *carry, const float *gradient,
                        float *input_slope, float limit, float *scratch, int width);
  void (*weight_gradients)(const struct lstm *, const float *records, int steps, float *dphi, int width);
};

#endif
