#include "mlp.h"

size_t mlp_weights(const int *units, int layers) {
  size_t below = MLP_FEATURES, total = 0;
  for (int l = 0; l < layers; l++) {
    // the first layer's biases are part of what it starts from
    total += (below + (l > 0)) * (size_t)units[l];
    below = (size_t)units[l];
  }
  return total + 2 * (layers > 0 ? below : 0) + 2;
}
