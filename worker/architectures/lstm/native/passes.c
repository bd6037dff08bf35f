/**
 * The forward and backward pass of one block, with the bits of the wasm kernel (wasm/assembly/): every coordinate's sums
 * go in the same order, and sums over coordinates keep their groups of four lanes. A wide register holds several
 * coordinates in the former, and the groups of several columns in the latter.
 *
 * Compiled once for each instruction set and arithmetic; LOPT_SUFFIX ends the name of the table that is exported.
 */
#include "inputs.h"
#include "lstm.h"

/** Vectors of coordinates that a tile has: with 4 gates, or 4 rows, as many accumulators as hide the latency. */
#define TILE (LOPT_LANES == 8 ? 2 : 4)

/** Whether the last vector of a tile may overhang the row. */
INLINE vf load_at(const float *at, int v, int last, tail_mask mask) {
  return v == last ? load_tail(at + v * LOPT_LANES, mask) : load(at + v * LOPT_LANES);
}

INLINE void store_at(float *at, vf value, int v, int last, tail_mask mask) {
  if (v == last) store_tail(at + v * LOPT_LANES, value, mask);
  else store(at + v * LOPT_LANES, value);
}

/** Calls `tile` for every `TILE` vectors of a row; the number of vectors is a constant in each call. */
#define EACH_TILE(width, tile, ...)                                                      \
  for (int first = 0; first < (width); first += TILE * LOPT_LANES) {                    \
    const int vectors = ((width) - first + LOPT_LANES - 1) / LOPT_LANES;                \
    const tail_mask mask = tail_of((width) - first - ((vectors < TILE ? vectors : TILE) - 1) * LOPT_LANES); \
    switch (vectors < TILE ? vectors : TILE) {                                          \
      case 1: tile(1, first, mask, __VA_ARGS__); break;                                 \
      case 2: tile(2, first, mask, __VA_ARGS__); break;                                 \
      case 3: tile(TILE < 3 ? TILE : 3, first, mask, __VA_ARGS__); break;               \
      default: tile(TILE, first, mask, __VA_ARGS__); break;                             \
    }                                                                                   \
  }

/** c = f·c + i·c̃ and h = o·tanh c for a vector of coordinates of one unit; `stride` from gate to gate, and from h to c. */
INLINE void activate(const vf z[4], const float *cell, float *h, float *gates, ptrdiff_t stride, tail_mask mask) {
  const vf i = sigmoid_of(z[0]);
  const vf g = tanh_of(z[1]);
  const vf f = sigmoid_of(z[2]);
  const vf o = sigmoid_of(z[3]);
  const vf c = fma_of(f, load_tail(cell, mask), i * g);
  const vf t = tanh_of(c);
  store_tail(gates, i, mask);
  store_tail(gates + stride, g, mask);
  store_tail(gates + 2 * stride, f, mask);
  store_tail(gates + 3 * stride, o, mask);
  store_tail(gates + 4 * stride, t, mask);
  store_tail(h + stride, c, mask);
  store_tail(h, o * t, mask);
}

/** The four gates of a unit: acc += row·weight over `rows` rows. */
INLINE void add_rows(const int vectors, tail_mask mask, vf z[4][TILE], const float *row, int rows, const float *weights,
                     int width) {
  for (int r = 0; r < rows; r++, row += width, weights += 4) {
    vf x[TILE];
    UNROLL for (int v = 0; v < vectors; v++) x[v] = load_at(row, v, vectors - 1, mask);
    UNROLL for (int gate = 0; gate < 4; gate++) {
      const vf weight = splat(weights[gate]);
      UNROLL for (int v = 0; v < vectors; v++) z[gate][v] = fma_of(x[v], weight, z[gate][v]);
    }
  }
}

INLINE void forward_unit(const int vectors, int first, tail_mask mask, const struct lstm_layer *layer, int unit,
                         const float *below, const float *h, float *new_h, float *gates, int width) {
  const ptrdiff_t stride = (ptrdiff_t)layer->units * width;
  const float *pack = layer->forward + (ptrdiff_t)unit * 4 * (layer->below + layer->units + 1);
  vf z[4][TILE];
  UNROLL for (int gate = 0; gate < 4; gate++) {
    UNROLL for (int v = 0; v < vectors; v++) z[gate][v] = splat(pack[gate]);
  }
  add_rows(vectors, mask, z, below + first, layer->below, pack + 4, width);
  add_rows(vectors, mask, z, h + first, layer->units, pack + 4 + 4 * layer->below, width);
  const ptrdiff_t at = (ptrdiff_t)unit * width + first;
  UNROLL for (int v = 0; v < vectors; v++) {
    const vf gate[4] = {z[0][v], z[1][v], z[2][v], z[3][v]};
    const ptrdiff_t out = at + v * LOPT_LANES;
    const tail_mask lanes = v == vectors - 1 ? mask : tail_of(LOPT_LANES);
    activate(gate, h + stride + out, new_h + out, gates + out, stride, lanes);
  }
}

static void forward_layer(const struct lstm_layer *layer, const float *below, const float *h, float *new_h, float *gates,
                          int width) {
  for (int unit = 0; unit < layer->units; unit++) {
    EACH_TILE(width, forward_unit, layer, unit, below, h, new_h, gates, width)
  }
}

static void forward_block(const struct lstm *network, const float *gradient, const float *state, float *record,
                          float *updates, int width) {
  float *new_state = record + (ptrdiff_t)network->input_rows * width;
  const ptrdiff_t moments = (ptrdiff_t)network->moments_at * width;
  const enum lstm_inputs inputs = network->inputs;
  if (inputs != LSTM_RNNPROP) preprocess(network, gradient, record, width);
  if (inputs == LSTM_RNNPROP || inputs == LSTM_BOTH) {
    normalise(gradient, state + moments, new_state - 2 * width, new_state + moments, width);
  }
  const float *below = record;
  for (int l = 0; l < network->layers; l++) {
    const struct lstm_layer *layer = &network->layer[l];
    const ptrdiff_t h = (ptrdiff_t)layer->state_at * width;
    forward_layer(layer, below, state + h, new_state + h, record + (ptrdiff_t)layer->gates_at * width, width);
    below = new_state + h;
  }
  const int units = network->layer[network->layers - 1].units;
  for (int b = 0; b < width; b += LOPT_LANES) {
    const tail_mask mask = tail_of(width - b);
    vf sum = splat(network->output[units]);
    for (int unit = 0; unit < units; unit++) {
      sum = fma_of(load_tail(below + (ptrdiff_t)unit * width + b, mask), splat(network->output[unit]), sum);
    }
    store_tail(updates + b, sum, mask);
  }
}

/** dL/dz of one layer, in place of its gates; `carry` holds rows of dL/dh, then of dL/dc, and gets the previous dL/dc. */
static void backward_gates(int units, float *gates, const float *cell, float *carry, const float *weights,
                           const float *output, int width) {
  const ptrdiff_t stride = (ptrdiff_t)units * width;
  const vf one = splat(1);
  for (int unit = 0; unit < units; unit++) {
    const ptrdiff_t row = (ptrdiff_t)unit * width;
    for (int b = 0; b < width; b += LOPT_LANES) {
      const tail_mask mask = tail_of(width - b);
      float *at = gates + row + b;
      float *cell_slope = carry + stride + row + b;
      vf dh = load_tail(carry + row + b, mask);
      if (output) dh = fma_of(splat(weights[unit]), load_tail(output + b, mask), dh);
      const vf i = load_tail(at, mask);
      const vf g = load_tail(at + stride, mask);
      const vf f = load_tail(at + 2 * stride, mask);
      const vf o = load_tail(at + 3 * stride, mask);
      const vf t = load_tail(at + 4 * stride, mask);
      const vf dho = dh * o;
      const vf dc = fma_of(dho, one - t * t, load_tail(cell_slope, mask));
      store_tail(cell_slope, dc * f, mask);
      store_tail(at, dc * g * (i * (one - i)), mask);
      store_tail(at + stride, dc * i * (one - g * g), mask);
      store_tail(at + 2 * stride, dc * load_tail(cell + row + b, mask) * (f * (one - f)), mask);
      store_tail(at + 3 * stride, dho * t * (one - o), mask);
    }
  }
}

/** Four rows: to[row] (+)= Σ_column W[row][column]·dz[column]; `stored` of them are written. */
INLINE void backward_tile(const int vectors, int first, tail_mask mask, const float *dz, int columns, const float *pack,
                          int stored, float *to, int add, int width) {
  vf sum[4][TILE];
  UNROLL for (int r = 0; r < 4; r++) {
    UNROLL for (int v = 0; v < vectors; v++) sum[r][v] = splat(0);
  }
  const float *z = dz + first;
  for (int column = 0; column < columns; column++, z += width, pack += 4) {
    vf x[TILE];
    UNROLL for (int v = 0; v < vectors; v++) x[v] = load_at(z, v, vectors - 1, mask);
    UNROLL for (int r = 0; r < 4; r++) {
      const vf weight = splat(pack[r]);
      UNROLL for (int v = 0; v < vectors; v++) sum[r][v] = fma_of(x[v], weight, sum[r][v]);
    }
  }
  UNROLL for (int r = 0; r < 4; r++) {
    if (r >= stored) break;
    float *out = to + (ptrdiff_t)r * width + first;
    UNROLL for (int v = 0; v < vectors; v++) {
      if (add) sum[r][v] = sum[r][v] + load_at(out, v, vectors - 1, mask);
      store_at(out, sum[r][v], v, vectors - 1, mask);
    }
  }
}

static void backward_rows(const float *dz, int columns, const float *pack, int rows, float *to, int add, int width) {
  for (int row = 0; row < rows; row += 4, pack += (ptrdiff_t)4 * columns, to += (ptrdiff_t)4 * width) {
    EACH_TILE(width, backward_tile, dz, columns, pack, rows - row, to, add, width)
  }
}

/** From dL/dg in the record's last row and dL/dh' in `carry`: dL/dz in place of the gates and, if `recur`, dL/dh. */
static void backward_layers(const struct lstm *network, float *record, float *carry, int recur, int width) {
  const ptrdiff_t record_length = (ptrdiff_t)network->record_rows * width;
  const float *previous = record - record_length + (ptrdiff_t)network->input_rows * width;
  const float *output = record + record_length - width;
  for (int l = network->layers - 1; l >= 0; l--) {
    const struct lstm_layer *layer = &network->layer[l];
    const int units = layer->units, columns = 4 * units;
    const ptrdiff_t state = (ptrdiff_t)layer->state_at * width;
    float *gates = record + (ptrdiff_t)layer->gates_at * width;
    const int is_last = l == network->layers - 1;
    backward_gates(units, gates, previous + state + (ptrdiff_t)units * width, carry + state, network->output,
                   is_last ? output : NULL, width);
    const float *pack = layer->backward;
    if (l > 0) {
      float *below = carry + (ptrdiff_t)network->layer[l - 1].state_at * width;
      backward_rows(gates, columns, pack, layer->below, below, 1, width);
    }
    pack += (ptrdiff_t)((layer->below + 3) & ~3) * columns;
    if (recur) backward_rows(gates, columns, pack, units, carry + state, 0, width);
  }
}

/** A layer's rows, from step to step `record_length` apart, whose products with dz are summed. */
struct rows {
  const float *first;
  int count;
  ptrdiff_t row_length, record_length;
};

/** Vectors that hold the groups of a unit's four gates. */
#define PARTS (4 / GROUPS)

/** dz of a layer as the sums read it: [unit][step][group of coordinates][gate][4]. */
static void pack_slopes(const float *dz, int units, int steps, ptrdiff_t record_length, float *packed, int width) {
  const ptrdiff_t stride = (ptrdiff_t)units * width;
  const ptrdiff_t unit_length = (ptrdiff_t)4 * steps * width;
  for (int s = 0; s < steps; s++) {
    for (int unit = 0; unit < units; unit++) {
      const float *from = dz + s * record_length + (ptrdiff_t)unit * width;
      float *to = packed + unit * unit_length + (ptrdiff_t)4 * s * width;
      for (int b = 0; b < width; b += LOPT_LANES) {
        const tail_mask mask = tail_of(width - b);
        vf row[4], groups[4];
        UNROLL for (int gate = 0; gate < 4; gate++) row[gate] = load_tail(from + gate * stride + b, mask);
        interleave(row, groups);
        const int wanted = width - b < LOPT_LANES ? (width - b) / 4 * PARTS : 4;
        UNROLL for (int i = 0; i < 4; i++) {
          if (i < wanted) store(to + 4 * b + i * LOPT_LANES, groups[i]);
        }
      }
    }
  }
}

/** Rows by units at a time: as many accumulators as hide the latency of a multiply-add. */
#define ROWS (LOPT_LANES == 16 ? 8 : LOPT_LANES == 8 ? 4 : 5)
#define UNITS (LOPT_LANES == 16 ? 2 : 1)

/** dW[row][gate][unit] += Σ row·dz for `rows` rows and `units` units, constants in each call. */
INLINE void sum_tile(const int rows, const int units, const struct rows *from, int row, int steps, const float *packed,
                     float *to, int all_units, int width) {
  const ptrdiff_t unit_length = (ptrdiff_t)4 * steps * width;
  vf sum[ROWS][UNITS * PARTS];
  UNROLL for (int r = 0; r < rows; r++) {
    UNROLL for (int i = 0; i < units * PARTS; i++) sum[r][i] = splat(0);
  }
  for (int s = 0; s < steps; s++) {
    const float *x = from->first + row * from->row_length + s * from->record_length;
    const float *z = packed + (ptrdiff_t)4 * s * width;
    for (int b = 0; b < width; b += 4) {
      vf slope[UNITS * PARTS];
      UNROLL for (int unit = 0; unit < units; unit++) {
        UNROLL for (int i = 0; i < PARTS; i++) {
          slope[unit * PARTS + i] = load(z + unit * unit_length + 4 * b + i * LOPT_LANES);
        }
      }
      UNROLL for (int r = 0; r < rows; r++) {
        const vf value = splat_group(x + r * from->row_length + b);
        UNROLL for (int i = 0; i < units * PARTS; i++) sum[r][i] = fma_of(value, slope[i], sum[r][i]);
      }
    }
  }
  UNROLL for (int r = 0; r < rows; r++) {
    UNROLL for (int unit = 0; unit < units; unit++) {
      float totals[4 * 4];
      UNROLL for (int i = 0; i < PARTS; i++) store(totals + i * LOPT_LANES, sum_groups(sum[r][unit * PARTS + i]));
      float *out = to + (ptrdiff_t)(row + r) * 4 * all_units + unit;
      UNROLL for (int gate = 0; gate < 4; gate++) out[gate * all_units] += totals[4 * gate];
    }
  }
}

#define SUM_ROWS(rows)                                                                             \
  case rows:                                                                                       \
    for (; unit + UNITS <= units; unit += UNITS) {                                                 \
      sum_tile(rows <= ROWS ? rows : ROWS, UNITS, from, row, steps, packed + unit * unit_length, to + unit, units, width); \
    }                                                                                              \
    if (unit < units) {                                                                            \
      sum_tile(rows <= ROWS ? rows : ROWS, 1, from, row, steps, packed + unit * unit_length, to + unit, units, width); \
    }                                                                                              \
    break;

/** dW of some rows, [rows][4·units] at `to`. */
static void sum_rows(const struct rows *from, int steps, const float *packed, float *to, int units, int width) {
  const ptrdiff_t unit_length = (ptrdiff_t)4 * steps * width;
  // tiles as equal as possible: a last one of a single row would be slow
  const int tiles = (from->count + ROWS - 1) / ROWS;
  int row = 0;
  for (int tile = 0; tile < tiles; tile++) {
    const int rows = (from->count - row + tiles - tile - 1) / (tiles - tile);
    int unit = 0;
    switch (rows) {
      SUM_ROWS(1)
      SUM_ROWS(2)
      SUM_ROWS(3)
      SUM_ROWS(4)
      SUM_ROWS(5)
      SUM_ROWS(6)
      SUM_ROWS(7)
      SUM_ROWS(8)
    }
    row += rows;
  }
}

static float sum_lanes(v4f value) { return (value[0] + value[1]) + (value[2] + value[3]); }

/** dw of the output layer, and its bias's: sums of four lanes each. */
static void output_gradients(const struct lstm *network, const float *h, const float *output, int steps,
                             ptrdiff_t record_length, float *to, int width) {
  const int units = network->layer[network->layers - 1].units;
  const float scale = network->output_scale;
  // four units at a time, as each is a chain of additions
  for (int unit = 0; unit < units; unit += 4) {
    const int some = units - unit < 4 ? units - unit : 4;
    v4f sum[4] = {{0}};
    for (int s = 0; s < steps; s++) {
      for (int b = 0; b < width; b += 4) {
        const v4f slope = load4(output + s * record_length + b);
        for (int i = 0; i < some; i++) {
          sum[i] = fma4_of(load4(h + s * record_length + (ptrdiff_t)(unit + i) * width + b), slope, sum[i]);
        }
      }
    }
    for (int i = 0; i < some; i++) to[unit + i] += scale * sum_lanes(sum[i]);
  }
  v4f sum = {0};
  for (int s = 0; s < steps; s++) {
    for (int b = 0; b < width; b += 4) sum += load4(output + s * record_length + b);
  }
  to[units] += scale * sum_lanes(sum);
}

static void weight_gradients(const struct lstm *network, const float *records, int steps, float *dphi, int width) {
  static const float ONES[LSTM_BLOCK] = {
      1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
      1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
  };
  const ptrdiff_t record_length = (ptrdiff_t)network->record_rows * width;
  const float *first = records + record_length;
  const ptrdiff_t inputs = (ptrdiff_t)network->input_rows * width;
  float *to = dphi;
  for (int l = 0; l < network->layers; l++) {
    const struct lstm_layer *layer = &network->layer[l];
    const int units = layer->units;
    pack_slopes(first + (ptrdiff_t)layer->gates_at * width, units, steps, record_length, network->packed, width);
    const float *below = l == 0 ? first : first + inputs + (ptrdiff_t)network->layer[l - 1].state_at * width;
    const float *recurrent = records + inputs + (ptrdiff_t)layer->state_at * width;
    // x·1 + y rounds as x + y does, so the biases are the weights of a row of ones
    const struct rows parts[] = {
        {below, layer->below, width, record_length},
        {recurrent, units, width, record_length},
        {ONES, 1, 0, 0},
    };
    for (int part = 0; part < 3; part++) {
      sum_rows(&parts[part], steps, network->packed, to, units, width);
      to += (ptrdiff_t)4 * units * parts[part].count;
    }
  }
  const struct lstm_layer *last = &network->layer[network->layers - 1];
  output_gradients(network, first + inputs + (ptrdiff_t)last->state_at * width, first + record_length - width, steps,
                   record_length, to, width);
}

static void backward_block(const struct lstm *network, float *records, int steps, const float *gradients,
                           size_t gradient_stride, const float *weights, const float *extra, float *scratch, float *dphi,
                           int width) {
  const ptrdiff_t record_length = (ptrdiff_t)network->record_rows * width;
  float *suffix = scratch;
  float *carry = scratch + width;
  memset(scratch, 0, sizeof(float) * (size_t)(1 + network->state_rows) * (size_t)width);
  for (int s = steps - 1; s >= 0; s--) {
    float *record = records + (s + 1) * record_length;
    float *output = record + record_length - width;
    const float *gradient = gradients + (size_t)(s + 1) * gradient_stride;
    const float *more = extra ? extra + (size_t)s * gradient_stride : NULL;
    for (int b = 0; b < width; b += LOPT_LANES) {
      const tail_mask mask = tail_of(width - b);
      vf sum = fma_of(splat(weights[s]), load_tail(gradient + b, mask), load_tail(suffix + b, mask));
      store_tail(suffix + b, sum, mask);
      if (more) sum = sum + load_tail(more + b, mask);
      store_tail(output + b, sum, mask);
    }
    backward_layers(network, record, carry, s > 0, width);
    if (s % LSTM_CHUNK == 0) {
      const int some = steps - s < LSTM_CHUNK ? steps - s : LSTM_CHUNK;
      weight_gradients(network, records + s * record_length, some, dphi, width);
    }
  }
}

static void backward_step(const struct lstm *network, float *record, const float *slope, float *carry,
                          const float *gradient, float *input_slope, float limit, float *scratch, int width) {
  memcpy(record + (ptrdiff_t)(network->record_rows - 1) * width, slope, sizeof(float) * (size_t)width);
  backward_layers(network, record, carry, 1, width);
  const struct lstm_layer *first = &network->layer[0];
  const float *gates = record + (ptrdiff_t)first->gates_at * width;
  backward_rows(gates, 4 * first->units, first->backward, network->input_rows, scratch, 0, width);
  preprocess_backward(network, gradient, scratch, input_slope, limit, width);
}

const struct lstm_passes TABLE(lstm) = {forward_block, backward_block, backward_step, weight_gradients};
