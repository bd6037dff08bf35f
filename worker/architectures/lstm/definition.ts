/**
 * The learned optimizer's network in float64 on ordinary arrays, one coordinate after the other: the definition that
 * every faster one is tested against.
 */

import { hasMoments, type LstmConfig } from '../../../shared/architectures/lstm.js';
import { exp, log, sigmoid, tanh } from '../../../shared/elementary.js';
import { phiTensors } from '../../../shared/phi.js';

/** p of LogAndSign: gradients below e^−p in magnitude are scaled instead of taken the logarithm of. */
export const LOG_AND_SIGN_P = 10;

/** Added to the forget gate's input, so that an untrained network remembers (Jozefowicz et al. 2015). */
export const FORGET_BIAS = 1;

/** β of the running means that RNNProp's inputs are made of, and what is added to the root (Lv et al. 2017). */
export const RNNPROP_DECAY = 0.95;
export const RNNPROP_EPSILON = 1e-8;

/**
 * The hidden state of one layer, each [coordinates × units]. With RNNProp's inputs a last entry of its own has p, m and v of
 * every coordinate as `hidden` [coordinates × 3], and an empty `cell`.
 */
export interface LstmLayerState {
  readonly hidden: Float64Array;
  readonly cell: Float64Array;
}

/** The state before the first step: zeros. */
export function zeroLstmState(network: LstmConfig, coordinates: number): LstmLayerState[] {
  const layers = network.layers.map((units) => ({
    hidden: new Float64Array(coordinates * units),
    cell: new Float64Array(coordinates * units),
  }));
  if (!hasMoments(network)) return layers;
  return [...layers, { hidden: new Float64Array(3 * coordinates), cell: new Float64Array(0) }];
}

/**
 * (g_t, h_{t+1}) = m(∇_t, h_t, φ) of every coordinate by itself (Andrychowicz et al. 2016, section 2.1), from φ
 * [phiLength], ∇_t [coordinates] and h_t: the updates g_t [coordinates] and h_{t+1}. With the gates in the order
 * i, c̃, f, o (Zaremba et al. 2014, arXiv 1409.2329), a layer is
 *
 *     (i, c̃, f, o) = (x, h)·W + b
 *     c' = σ(f + 1)·c + σ(i)·tanh(c̃)
 *     h' = σ(o)·tanh(c')
 *
 * and the output is g = outputScale·(h'·w + b_out) of the last layer. Writes to nothing that it is given.
 */
export function lstmStep(
  network: LstmConfig,
  phi: Float64Array,
  gradient: Float64Array,
  state: readonly LstmLayerState[],
): { updates: Float64Array; state: LstmLayerState[] } {
  const tensors = phiTensors(network).map(({ offset, length }) => phi.subarray(offset, offset + length));
  const [outputWeights, outputBias] = tensors.slice(-2) as [Float64Array, Float64Array];
  const coordinates = gradient.length;
  const updates = new Float64Array(coordinates);
  const next = zeroLstmState(network, coordinates);
  for (let n = 0; n < coordinates; n++) {
    let x = networkInput(network, gradient[n]!, n, state, next);
    network.layers.forEach((units, layer) => {
      const own = { from: n * units, to: (n + 1) * units };
      const { hidden, cell } = lstmCell(
        tensors[2 * layer]!,
        tensors[2 * layer + 1]!,
        x,
        state[layer]!.hidden.subarray(own.from, own.to),
        state[layer]!.cell.subarray(own.from, own.to),
      );
      next[layer]!.hidden.set(hidden, own.from);
      next[layer]!.cell.set(cell, own.from);
      x = hidden;
    });
    const output = x.reduce((sum, h, unit) => sum + h * outputWeights[unit]!, outputBias[0]!);
    updates[n] = network.outputScale * output;
  }
  return { updates, state: next };
}

/**
 * What the network reads of coordinate n: ∇ itself, LogAndSign, RNNProp's inputs, or both one after the other. RNNProp's
 * moments move from `state` to `next`.
 */
function networkInput(
  network: LstmConfig,
  gradient: number,
  n: number,
  state: readonly LstmLayerState[],
  next: readonly LstmLayerState[],
): Float64Array {
  const { layers, preprocessing } = network;
  if (preprocessing === 'none') return Float64Array.of(gradient);
  if (!hasMoments(network)) return logAndSign(gradient);
  const [before, after] = [state, next].map((each) => each[layers.length]!.hidden.subarray(3 * n, 3 * n + 3));
  const moving = rnnpropInput(gradient, before!, after!);
  return preprocessing === 'both' ? Float64Array.of(...logAndSign(gradient), ...moving) : moving;
}

/** (ln|∇|/p, sign ∇) where |∇| ≥ e^−p, else (−1, e^p·∇) (Andrychowicz et al. 2016, appendix A). */
function logAndSign(gradient: number): Float64Array {
  const magnitude = Math.abs(gradient);
  if (magnitude >= exp(-LOG_AND_SIGN_P)) return Float64Array.of(log(magnitude) / LOG_AND_SIGN_P, Math.sign(gradient));
  return Float64Array.of(-1, exp(LOG_AND_SIGN_P) * gradient);
}

/**
 * (∇/(√v̂ + ε), m̂/(√v̂ + ε)) with m̂ = m/p and v̂ = v/p (Lv, Jiang and Li 2017, arXiv 1703.03633): the gradient and its
 * running mean on the scale of the gradients lately. p is the running mean of ones, 1 − β^t, which corrects the bias that
 * m and v have from their zeros at the start. Writes p, m and v to `after`.
 */
function rnnpropInput(gradient: number, before: Float64Array, after: Float64Array): Float64Array {
  [1, gradient, gradient * gradient].forEach((value, index) => {
    after[index] = RNNPROP_DECAY * before[index]! + (1 - RNNPROP_DECAY) * value;
  });
  const [p, m, v] = after as unknown as [number, number, number];
  const root = Math.sqrt(v / p) + RNNPROP_EPSILON;
  return Float64Array.of(gradient / root, m / p / root);
}

/** One layer of one coordinate: x from below, h and c [units]; W [(inputs + units) × 4·units] by rows, b [4·units]. */
function lstmCell(
  weights: Float64Array,
  biases: Float64Array,
  x: Float64Array,
  h: Float64Array,
  c: Float64Array,
): LstmLayerState {
  const units = h.length;
  const z = biases.slice();
  [...x, ...h].forEach((value, row) => {
    for (let column = 0; column < z.length; column++) z[column]! += value * weights[row * z.length + column]!;
  });
  const hidden = new Float64Array(units);
  const cell = new Float64Array(units);
  for (let unit = 0; unit < units; unit++) {
    const i = sigmoid(z[unit]!);
    const candidate = tanh(z[units + unit]!);
    const f = sigmoid(z[2 * units + unit]! + FORGET_BIAS);
    const o = sigmoid(z[3 * units + unit]!);
    cell[unit] = f * c[unit]! + i * candidate;
    hidden[unit] = o * tanh(cell[unit]!);
  }
  return { hidden, cell };
}
