/**
 * The learned optimizer's network in float64 on ordinary arrays, one coordinate at a time: the definition that faster
 * implementations are tested against.
 */

import { hasMoments, type LstmConfig } from '../../../shared/architectures/lstm.js';
import { exp, log, sigmoid, tanh } from '../../../shared/elementary.js';
import { phiTensors, stateSizes } from '../../../shared/phi.js';

/** Added to the forget gate's input, so that an untrained network remembers (Jozefowicz et al. 2015). */
export const FORGET_BIAS = 1;

/** β of the running means in RNNProp's inputs, and the ε added to the root (Lv et al. 2017). */
export const RNNPROP_DECAY = 0.95;
export const RNNPROP_EPSILON = 1e-8;

/** The state before the first step, by part: zeros. */
export function zeroLstmState(network: LstmConfig, coordinates: number): Float64Array[] {
  return stateSizes(network).map((size) => new Float64Array(coordinates * size));
}

/**
 * (g_t, h_{t+1}) = m(∇_t, h_t, φ) of each coordinate separately (Andrychowicz et al. 2016, section 2.1), from φ
 * [phiLength], ∇_t [coordinates] and h_t: the updates g_t [coordinates] and h_{t+1}. With the gates in the order
 * i, c̃, f, o (Zaremba et al. 2014, arXiv 1409.2329), a layer is
 *
 *     (i, c̃, f, o) = (x, h)·W + b
 *     c' = σ(f + 1)·c + σ(i)·tanh(c̃)
 *     h' = σ(o)·tanh(c')
 *
 * and the output is g = outputScale·(h'·w + b_out) of the last layer. The state is h and c of each layer in turn, each
 * [coordinates × units], then p, m and v [coordinates × 3] if RNNProp's inputs are read. Does not write to its
 * arguments.
 */
export function lstmStep(
  network: LstmConfig,
  phi: Float64Array,
  gradient: Float64Array,
  state: readonly Float64Array[],
): { updates: Float64Array; state: Float64Array[] } {
  const tensors = phiTensors(network).map(({ offset, length }) => phi.subarray(offset, offset + length));
  const [outputWeights, outputBias] = tensors.slice(-2) as [Float64Array, Float64Array];
  const coordinates = gradient.length;
  const updates = new Float64Array(coordinates);
  const next = zeroLstmState(network, coordinates);
  for (let n = 0; n < coordinates; n++) {
    let x = networkInput(network, gradient[n]!, n, state, next);
    network.layers.forEach((units, layer) => {
      const own = (part: Float64Array) => part.subarray(n * units, (n + 1) * units);
      const [hidden, cell] = lstmCell(
        tensors[2 * layer]!,
        tensors[2 * layer + 1]!,
        x,
        own(state[2 * layer]!),
        own(state[2 * layer + 1]!),
      );
      own(next[2 * layer]!).set(hidden);
      own(next[2 * layer + 1]!).set(cell);
      x = hidden;
    });
    const output = x.reduce((sum, h, unit) => sum + h * outputWeights[unit]!, outputBias[0]!);
    updates[n] = network.outputScale * output;
  }
  return { updates, state: next };
}

/**
 * The network's input for coordinate n: ∇ itself, LogAndSign, RNNProp's inputs, or the latter two together. RNNProp's
 * moments are read from `state` and written to `next`.
 */
function networkInput(
  network: LstmConfig,
  gradient: number,
  n: number,
  state: readonly Float64Array[],
  next: readonly Float64Array[],
): Float64Array {
  const { preprocessing, logAndSignP } = network;
  if (preprocessing === 'none') return Float64Array.of(gradient);
  if (!hasMoments(network)) return logAndSign(gradient, logAndSignP);
  const [before, after] = [state, next].map((parts) => parts.at(-1)!.subarray(3 * n, 3 * n + 3));
  const moving = rnnpropInput(gradient, before!, after!);
  return preprocessing === 'both' ? Float64Array.of(...logAndSign(gradient, logAndSignP), ...moving) : moving;
}

/** (ln|∇|/p, sign ∇) if |∇| ≥ e^−p, otherwise (−1, e^p·∇) (Andrychowicz et al. 2016, appendix A). */
function logAndSign(gradient: number, p: number): Float64Array {
  const magnitude = Math.abs(gradient);
  if (magnitude >= exp(-p)) return Float64Array.of(log(magnitude) / p, Math.sign(gradient));
  return Float64Array.of(-1, exp(p) * gradient);
}

/**
 * (∇/(√v̂ + ε), m̂/(√v̂ + ε)) with m̂ = m/p and v̂ = v/p (Lv, Jiang and Li 2017, arXiv 1703.03633): the gradient and
 * its running mean, scaled by recent gradients. p is the running mean of ones, 1 − β^t, which corrects the bias of m
 * and v from starting at zero. Writes p, m and v to `after`.
 */
function rnnpropInput(gradient: number, before: Float64Array, after: Float64Array): Float64Array {
  [1, gradient, gradient * gradient].forEach((value, index) => {
    after[index] = RNNPROP_DECAY * before[index]! + (1 - RNNPROP_DECAY) * value;
  });
  const [p, m, v] = after as unknown as [number, number, number];
  const root = Math.sqrt(v / p) + RNNPROP_EPSILON;
  return Float64Array.of(gradient / root, m / p / root);
}

/** h' and c' of one layer of one coordinate: x from below, h and c [units]; W [(inputs + units) × 4·units] by rows, b [4·units]. */
function lstmCell(
  weights: Float64Array,
  biases: Float64Array,
  x: Float64Array,
  h: Float64Array,
  c: Float64Array,
): [hidden: Float64Array, cell: Float64Array] {
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
  return [hidden, cell];
}
