/** φ of architecture `mlp`: the weights of its network, and its decays. */
import type { MlpConfig } from '../../../shared/architectures/mlp.js';
import { phiTensors } from '../../../shared/phi.js';
import { changedDecay, MEAN_DECAYS, RULE_NUMBERS } from './numbers.js';

/** β of the running means. */
export interface Decays {
  readonly means: readonly number[];
  readonly square: number;
  readonly factors: readonly number[];
}

/** A layer: its weights [inputs, outputs] by rows, and its biases [outputs]. */
export interface Layer {
  readonly weights: Float64Array;
  readonly biases: Float64Array;
}

export interface Perceptron {
  readonly decays: Decays;
  /** The hidden layers, then the output. */
  readonly layers: readonly Layer[];
  /** Direction and log magnitude, from the inputs. */
  evaluate(inputs: readonly number[]): number[];
}

/** The network under φ [phiLength]. */
export function perceptronOf(config: MlpConfig, phi: Float64Array): Perceptron {
  const tensors = phiTensors(config).map(({ offset, length }) => phi.subarray(offset, offset + length));
  const learned = config.rule === 'small-fc' ? tensors.splice(0, 3) : [];
  const layers = Array.from({ length: tensors.length / 2 }, (_, l) => ({
    weights: tensors[2 * l]!,
    biases: tensors[2 * l + 1]!,
  }));
  return { decays: decaysOf(config, learned), layers, evaluate: (inputs) => evaluate(layers, inputs) };
}

function decaysOf({ rule }: MlpConfig, learned: readonly Float64Array[]): Decays {
  const [means, square, factors] = learned;
  const three = (changes: Float64Array | undefined) =>
    MEAN_DECAYS.map((decay, k) => (changes ? changedDecay(decay, changes[k]!) : decay));
  const own = RULE_NUMBERS[rule].squareDecay;
  return { means: three(means), square: square ? changedDecay(own, square[0]!) : own, factors: three(factors) };
}

/** Layers with rectifiers between them. */
function evaluate(layers: readonly Layer[], inputs: readonly number[]): number[] {
  return layers.reduce<readonly number[]>((below, { weights, biases }, l) => {
    const values = below.map((value) => (l > 0 ? Math.max(0, value) : value));
    return Array.from(biases, (bias, j) =>
      values.reduce((sum, value, i) => sum + value * weights[i * biases.length + j]!, bias),
    );
  }, inputs) as number[];
}
