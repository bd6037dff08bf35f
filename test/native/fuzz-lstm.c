/** Calls the passes of the LSTM's native kernels with random networks, windows and values. */
#include "../../worker/architectures/lstm/native/lstm.h"
#include "program.h"

DECLARE_IMPLEMENTATIONS(lstm)

enum { SETS = sizeof IMPLEMENTATIONS / sizeof *IMPLEMENTATIONS, MAX_LAYERS = 3 };

/** A network, and a window of a block. */
struct shape {
  enum lstm_inputs inputs;
  int layers, units[MAX_LAYERS], width, steps, has_extra;
  /** Floats from one step's gradients to the next's. */
  int stride;
  float output_scale, phi_size, gradient_size, slope_limit;
  int edges;
  /** Of LogAndSign's p: e^−p, 1/p and e^p. */
  const float *p_numbers;
};

/** Those of 10, 5 and 7.5: from tables, since a library's exp differs from machine to machine. */
static const float P_NUMBERS[][3] = {
    {4.5399931e-5f, 0.1f, 22026.4658f},
    {6.73794700e-3f, 0.2f, 148.413162f},
    {5.53084363e-4f, 0.133333334f, 1808.04236f},
};

static struct shape draw_shape(struct draws *draws) {
  // one draw a statement: within one their order would be the compiler's
  struct shape shape = {0};
  shape.inputs = (enum lstm_inputs)below(draws, 4);
  shape.layers = 1 + below(draws, MAX_LAYERS);
  const int is_odd = below(draws, 8) == 0;
  for (int l = 0; l < shape.layers; l++) shape.units[l] = is_odd ? 2 * few(draws, 20) - 1 : few(draws, 23);
  shape.width = 8 * few(draws, 8);
  shape.steps = few(draws, 12);
  shape.stride = shape.width + 8 * below(draws, 3);
  shape.has_extra = below(draws, 2);
  shape.output_scale = below(draws, 2) ? 1 : 0.1f;
  shape.p_numbers = P_NUMBERS[below(draws, 3)];
  // untrained weights are small; trained ones saturate gates
  shape.phi_size = (const float[]){0.1f, 1, 6}[below(draws, 3)];
  shape.gradient_size = (const float[]){1e-6f, 1, 100}[below(draws, 3)];
  shape.slope_limit = below(draws, 2) ? 0.5f : 0;
  // a NaN or an infinity soon reaches every result of its coordinate and all of dφ, so most shapes have none
  shape.edges = below(draws, 6);
  return shape;
}

static float *copy_of(struct arrays *arrays, const float *from, size_t length) {
  return memcpy(new_array(arrays, length), from, length * sizeof(float));
}

/** Puts a part of the network into a block of exactly its size. */
static void fit(float **part, size_t length) {
  float *exact = malloc(length * sizeof(float));
  if (!exact) abort();
  memcpy(exact, *part, length * sizeof(float));
  free(*part);
  *part = exact;
}

static struct lstm *new_network(const struct shape *shape, const float *phi) {
  struct lstm *network =
      lstm_create(shape->inputs, shape->output_scale, shape->p_numbers, shape->units, shape->layers);
  if (!network) abort();
  lstm_load_phi(network, phi);
  int widest = 0;
  for (int l = 0; l < shape->layers; l++) {
    struct lstm_layer *layer = &network->layer[l];
    const int below = layer->below, units = layer->units;
    fit(&layer->forward, (size_t)4 * units * (below + units + 1));
    fit(&layer->backward, (size_t)4 * units * ((below + 3) / 4 * 4 + (units + 3) / 4 * 4));
    if (units > widest) widest = units;
  }
  const int chunk = shape->steps < LSTM_CHUNK ? shape->steps : LSTM_CHUNK;
  fit(&network->output, (size_t)shape->units[shape->layers - 1] + 1);
  fit(&network->packed, (size_t)4 * widest * chunk * shape->width);
  return network;
}

static size_t phi_length(const struct shape *shape) {
  int below = shape->inputs == LSTM_RAW ? 1 : shape->inputs == LSTM_BOTH ? 4 : 2;
  size_t length = 0;
  for (int l = 0; l < shape->layers; l++) {
    length += (size_t)4 * shape->units[l] * (below + shape->units[l] + 1);
    below = shape->units[l];
  }
  return length + below + 1;
}

/** What a window is computed from, and its records. */
struct window {
  const struct shape *shape;
  const struct lstm_passes *passes;
  struct lstm *network;
  /** Floats of a record and of a state. */
  size_t record_length, state_length;
  float *gradients, *records;
};

static void go_forward(struct window *window, struct arrays *arrays, float *state, struct results *results) {
  const size_t width = (size_t)window->shape->width, length = window->record_length;
  const size_t inputs = (size_t)window->network->input_rows * width;
  memcpy(window->records + inputs, state, window->state_length * sizeof(float));
  const int keep = arrays->count;
  for (int s = 0; s < window->shape->steps; s++) {
    const float *gradient = copy_of(arrays, window->gradients + (size_t)s * window->shape->stride, width);
    const float *before = copy_of(arrays, window->records + s * length + inputs, window->state_length);
    float *after = new_array(arrays, length);
    float *updates = new_array(arrays, width);
    window->passes->forward_block(window->network, gradient, before, after, updates, window->shape->width);
    record(results, updates, width);
    // its last row is for the backward pass
    record(results, after, length - width);
    memcpy(window->records + (s + 1) * length, after, length * sizeof(float));
    free_last(arrays, keep);
  }
}

static void go_backward(struct window *window, struct arrays *arrays, struct draws *draws, struct results *results) {
  const struct shape *shape = window->shape;
  const size_t width = (size_t)shape->width, length = window->record_length, steps = (size_t)shape->steps;
  const int keep = arrays->count;
  float *records = copy_of(arrays, window->records, (steps + 1) * length);
  const float *weights = new_values(arrays, draws, steps, 1);
  const float *extra =
      shape->has_extra ? new_values(arrays, draws, (steps - 1) * (size_t)shape->stride + width, 1) : NULL;
  float *scratch = new_array(arrays, width + window->state_length);
  float *dphi = new_values(arrays, draws, (size_t)window->network->phi_length, 1);
  window->passes->backward_block(window->network, records, shape->steps, window->gradients, (size_t)shape->stride, weights,
                                 extra, scratch, dphi, shape->width);
  record(results, records + length, steps * length);
  record(results, dphi, (size_t)window->network->phi_length);
  free_last(arrays, keep);
}

/** The steps of the backward pass that second derivatives come between. */
static void step_backward(struct window *window, struct arrays *arrays, struct draws *draws, struct results *results) {
  const struct shape *shape = window->shape;
  const size_t width = (size_t)shape->width, length = window->record_length;
  const size_t inputs = (size_t)window->network->input_rows * width;
  float *dphi = new_values(arrays, draws, (size_t)window->network->phi_length, 1);
  float *carry = new_array(arrays, window->state_length);
  memset(carry, 0, window->state_length * sizeof(float));
  const int keep = arrays->count;
  for (int s = shape->steps - 1; s >= 0; s--) {
    // this record and the one before
    float *pair = copy_of(arrays, window->records + s * length, 2 * length);
    const float *slope = new_values(arrays, draws, width, 1);
    const float *gradient = copy_of(arrays, window->gradients + (size_t)s * shape->stride, width);
    float *input_slope = new_array(arrays, width);
    float *scratch = new_array(arrays, inputs);
    window->passes->backward_step(window->network, pair + length, slope, carry, gradient, input_slope, shape->slope_limit,
                                  scratch, shape->width);
    record(results, input_slope, width);
    record(results, carry, window->state_length);
    memcpy(window->records + (s + 1) * length, pair + length, length * sizeof(float));
    if (s % LSTM_CHUNK == 0) {
      const int some = shape->steps - s < LSTM_CHUNK ? shape->steps - s : LSTM_CHUNK;
      const float *chunk = copy_of(arrays, window->records + s * length, ((size_t)some + 1) * length);
      window->passes->weight_gradients(window->network, chunk, some, dphi, shape->width);
    }
    free_last(arrays, keep);
  }
  record(results, dphi, (size_t)window->network->phi_length);
}

/** All that one implementation makes of a shape. */
static void compute(const void *passes, struct draws draws, struct arrays *arrays, struct results *results) {
  const struct shape own = draw_shape(&draws), *shape = &own;
  arrays->edges = shape->edges;
  const float *phi = new_values(arrays, &draws, phi_length(shape), shape->phi_size);
  struct lstm *network = new_network(shape, phi);
  if ((size_t)network->phi_length != phi_length(shape)) abort();
  struct window window = {
      .shape = shape,
      .passes = passes,
      .network = network,
      .record_length = (size_t)network->record_rows * (size_t)shape->width,
      .state_length = (size_t)network->state_rows * (size_t)shape->width,
  };
  window.gradients = new_values(arrays, &draws, (size_t)shape->steps * (size_t)shape->stride + (size_t)shape->width,
                                shape->gradient_size);
  window.records = new_array(arrays, ((size_t)shape->steps + 1) * window.record_length);
  float *state = new_values(arrays, &draws, window.state_length, 1);
  // RNNProp's moments are means of squares
  for (size_t i = (size_t)network->moments_at * (size_t)shape->width; i < window.state_length; i++) state[i] = fabsf(state[i]);
  go_forward(&window, arrays, state, results);
  go_backward(&window, arrays, &draws, results);
  step_backward(&window, arrays, &draws, results);
  lstm_free(network);
}

static void describe(struct draws draws) {
  const struct shape own = draw_shape(&draws), *shape = &own;
  static const char *const inputs[] = {"none", "log-and-sign", "rnnprop", "both"};
  fprintf(stderr, "inputs %s, layers", inputs[shape->inputs]);
  for (int l = 0; l < shape->layers; l++) fprintf(stderr, " %d", shape->units[l]);
  fprintf(stderr, ", width %d, steps %d, extra %d\n", shape->width, shape->steps, shape->has_extra);
}

int main(int argc, char **argv) {
  static const struct program program = {compute, describe};
  return run(&program, IMPLEMENTATIONS, SETS, argc, argv);
}
