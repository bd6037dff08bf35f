/** What does not depend on the instruction set: the network's shape, and its packed weights. */
#include "lstm.h"

#include <stdlib.h>
#include <string.h>

static int pad_to_4(int n) { return (n + 3) & ~3; }

static float *floats(size_t count) {
  const size_t bytes = (count * sizeof(float) + 63) / 64 * 64;
  float *memory = aligned_alloc(64, bytes);
  if (memory) memset(memory, 0, bytes);
  return memory;
}

struct lstm *lstm_create(enum lstm_inputs inputs, float output_scale, const float p_numbers[3], const int *units,
                         int layers) {
  struct lstm *network = calloc(1, sizeof *network);
  if (!network) return NULL;
  network->inputs = inputs;
  network->output_scale = output_scale;
  network->threshold = p_numbers[0];
  network->inverse_p = p_numbers[1];
  network->exp_p = p_numbers[2];
  network->layers = layers;
  network->input_rows = inputs == LSTM_RAW ? 1 : inputs == LSTM_BOTH ? 4 : 2;
  int below = network->input_rows;
  int widest = 0;
  int complete = 1;
  for (int l = 0; l < layers; l++) {
    struct lstm_layer *layer = &network->layer[l];
    const int columns = 4 * units[l];
    layer->units = units[l];
    layer->below = below;
    layer->phi_at = network->phi_length;
    layer->state_at = network->state_rows;
    layer->forward = floats((size_t)(below + units[l] + 1) * columns);
    layer->backward = floats((size_t)(pad_to_4(below) + pad_to_4(units[l])) * columns);
    complete = complete && layer->forward && layer->backward;
    network->phi_length += (below + units[l] + 1) * columns;
    network->state_rows += 2 * units[l];
    if (units[l] > widest) widest = units[l];
    below = units[l];
  }
  network->phi_length += below + 1;
  network->moments_at = network->state_rows;
  if (inputs == LSTM_RNNPROP || inputs == LSTM_BOTH) network->state_rows += 3;
  int row = network->input_rows + network->state_rows;
  for (int l = 0; l < layers; l++) {
    network->layer[l].gates_at = row;
    row += 5 * units[l];
  }
  network->record_rows = row + 1;
  network->output = floats((size_t)below + 1);
  network->packed = floats((size_t)4 * widest * LSTM_CHUNK * LSTM_BLOCK);
  if (complete && network->output && network->packed) return network;
  lstm_free(network);
  return NULL;
}

void lstm_free(struct lstm *network) {
  for (int l = 0; l < network->layers; l++) {
    free(network->layer[l].forward);
    free(network->layer[l].backward);
  }
  free(network->output);
  free(network->packed);
  free(network);
}

static float *pack_rows(const float *weights, int first, int end, int columns, float *to) {
  for (int group = first; group < end; group += 4) {
    for (int column = 0; column < columns; column++) {
      for (int row = group; row < group + 4; row++) *to++ = row < end ? weights[row * columns + column] : 0;
    }
  }
  return to;
}

void lstm_load_phi(struct lstm *network, const float *phi) {
  for (int l = 0; l < network->layers; l++) {
    const struct lstm_layer *layer = &network->layer[l];
    const int units = layer->units, rows = layer->below + units, columns = 4 * units;
    const float *weights = phi + layer->phi_at;
    const float *biases = weights + rows * columns;
    float *to = layer->forward;
    for (int unit = 0; unit < units; unit++) {
      for (int gate = 0; gate < 4; gate++) {
        const float bias = biases[gate * units + unit];
        // the forget gate's constant bias
        *to++ = gate == 2 ? bias + 1 : bias;
      }
      for (int row = 0; row < rows; row++) {
        for (int gate = 0; gate < 4; gate++) *to++ = weights[row * columns + gate * units + unit];
      }
    }
    to = pack_rows(weights, 0, layer->below, columns, layer->backward);
    pack_rows(weights, layer->below, rows, columns, to);
  }
  const int last = network->layer[network->layers - 1].units;
  const float *output = phi + network->phi_length - last - 1;
  for (int i = 0; i <= last; i++) network->output[i] = network->output_scale * output[i];
}
