/** The passes over one tensor that the perceptron's step is made of; ../passes.ts says what each computes. */
#ifndef LOPT_MLP_H
#define LOPT_MLP_H

#include <stddef.h>

enum {
  /** Lanes that sums are made of, whatever the width of a register. */
  MLP_GROUP = 16,
  /** Features that each coordinate has by itself. */
  MLP_FEATURES = 18,
  /** Units that are computed together: layers are padded to a multiple of it. */
  MLP_UNITS = 8,
  MLP_MAX_LAYERS = 3,
  MLP_MAX_UNITS = 64,
};

/** Running means of a tensor: three of ∇ and one of ∇², each `stride` floats after the one before. */
struct mlp_tensor {
  const float *gradient, *theta;
  float *moments;
  size_t stride, rows, columns;
};

/** The decays, the complement of each, and the largest gradient: numbers of `moments`. */
enum { MEAN_DECAYS, MEAN_SHARES = 3, SQUARE_DECAY = 6, SQUARE_SHARE, LARGEST_GRADIENT, MOMENT_NUMBERS };

/** Numbers of `feature_sums` and `apply`. */
enum {
  MEAN_FACTORS,
  ROOT_FACTOR = 3,
  ROOT_EPSILON,
  SQUARE_FACTOR,
  CLIP,
  GRADIENT_LIMIT,
  FEATURE_NUMBERS,
  ADAM_FACTOR = FEATURE_NUMBERS,
  SLOW_FACTOR,
  STEP,
  MAGNITUDE_FACTOR,
  MAGNITUDE_LOW,
  MAGNITUDE_HIGH,
  APPLY_NUMBERS,
};

/** Factors of a matrix's rows [3 × rows] and columns [6 × padded columns: three for ∇, three for its means]. */
struct mlp_factors {
  const float *rows, *columns;
};

/** What the first layer adds for a row [units × padded rows], and a column [units × padded columns; NULL if nothing]. */
struct mlp_network {
  const float *row_part, *column_part, *weights;
  /** Padded units of each layer; no layer at all leaves the output's biases. */
  int units[MLP_MAX_LAYERS], layers;
};

struct mlp_passes {
  void (*moments)(const struct mlp_tensor *tensor, size_t count, const float *numbers, float *sums);
  void (*squares)(const struct mlp_tensor *tensor, float largest, float *row_sums, float *column_sums);
  void (*feature_sums)(const struct mlp_tensor *tensor, const struct mlp_factors *factors, const float *numbers,
                       float *sums);
  void (*project)(const float *vectors, size_t count, size_t length, const float *weights, size_t units, float *parts);
  void (*apply)(const struct mlp_tensor *tensor, const struct mlp_factors *factors, const struct mlp_network *network,
                const float *numbers, float *updates);
};

/** Floats in a network's weights: those of features, then by layer those below it and its biases, then the output's. */
size_t mlp_weights(const int *units, int layers);

#endif
