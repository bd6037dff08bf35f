/** The network's weights for a kernel: those of one tensor's step, with the features' normalisation folded into them. */
import { type MlpConfig, mlpInputs } from '../../../shared/architectures/mlp.js';
import { COORDINATE_FEATURES, FACTOR_FEATURES, featuresOf } from '../../../shared/architectures/mlp-features.js';
import type { SideFeatures, StepFactors } from './factors.js';
import { padded, type TensorKernel, UNITS } from './passes.js';
import { type Decays, type Perceptron, perceptronOf } from './perceptron.js';
import type { PlacedTensor } from './placement.js';

/** What the first layer's weights of a tensor depend on besides φ. */
export interface Normalisation {
  /** 1/rms of COORDINATE_FEATURES. */
  readonly norms: readonly number[];
  /** The inputs that all coordinates of the tensor share. */
  readonly scalars: readonly number[];
}

/** Vectors of a side, and the constants before them. */
const SIDE_ROWS = 7;

export class Network {
  readonly #config: MlpConfig;
  readonly #kernel: TensorKernel;
  /** Padded units of the hidden layers. */
  readonly #units: readonly number[];
  /** Rows of the first layer's weights, by COORDINATE_FEATURES and by FACTOR_FEATURES; −1 for what is not read. */
  readonly #coordinateRows: readonly number[];
  readonly #factorRows: readonly number[];
  /** All weights: the first layer's begin. */
  readonly weights: number;
  readonly #length: number;
  readonly #sideWeights: number;
  #parts = { row: 0, column: 0 };
  #perceptron: Perceptron | undefined;

  constructor(config: MlpConfig, kernel: TensorKernel) {
    this.#config = config;
    this.#kernel = kernel;
    this.#units = config.rule === 'control' ? [] : config.units.map((width) => padded(width, UNITS));
    const names = featuresOf(config.rule);
    this.#coordinateRows = COORDINATE_FEATURES.map((name) => names.indexOf(name));
    this.#factorRows = FACTOR_FEATURES.map((name) => names.indexOf(name));
    let below: number = COORDINATE_FEATURES.length;
    let length = 0;
    this.#units.forEach((units, layer) => {
      length += (below + (layer > 0 ? 1 : 0)) * units;
      below = units;
    });
    this.#length = length + 2 * (this.#units.length > 0 ? below : 0) + 2;
    this.weights = kernel.memory.allocate(4 * this.#length);
    this.#sideWeights = kernel.memory.allocate(4 * SIDE_ROWS * (this.#units[0] ?? 0));
  }

  get decays(): Decays {
    return this.#loaded.decays;
  }

  get #loaded(): Perceptron {
    if (!this.#perceptron) throw new RangeError('Cannot step: φ must be loaded first');
    return this.#perceptron;
  }

  /** Lays out memory for tensors whose sides are at most so long. */
  allocate(longest: number): void {
    const bytes = 4 * longest * (this.#units[0] ?? 0);
    this.#parts = { row: this.#kernel.memory.allocate(bytes), column: this.#kernel.memory.allocate(bytes) };
  }

  /** Sets φ, [phiLength]. */
  load(phi: Float32Array): void {
    this.#perceptron = perceptronOf(this.#config, Float64Array.from(phi));
    const all = this.#kernel.memory.floats(this.weights, this.#length).fill(0);
    if (this.#units.length === 0) return;
    let at = COORDINATE_FEATURES.length * this.#units[0]!;
    const layers = this.#perceptron.layers.slice(1);
    layers.forEach(({ weights, biases }, index) => {
      const below = this.#units[index]!;
      const units = index < layers.length - 1 ? this.#units[index + 1]! : 2;
      const width = biases.length;
      for (let i = 0; i < weights.length; i++) all[at + Math.floor(i / width) * units + (i % width)] = weights[i]!;
      at += below * units;
      all.set(biases, at);
      at += units;
    });
  }

  /** Direction and log magnitude from inputs that all coordinates share. */
  evaluate(scalars: readonly number[]): number[] {
    return this.#loaded.evaluate(scalars);
  }

  /** Writes the weights of a tensor's step, and what the first layer adds for its rows and columns; says where that is. */
  prepare(
    tensor: PlacedTensor,
    factors: StepFactors,
    { norms, scalars }: Normalisation,
  ): { row: number; column: number } {
    const units = this.#units[0];
    if (units === undefined) return { row: this.weights, column: 0 };
    const { weights, biases } = this.#loaded.layers[0]!;
    const width = biases.length;
    const first = this.#kernel.memory.floats(this.weights, COORDINATE_FEATURES.length * units);
    this.#coordinateRows.forEach((row, feature) => {
      if (row < 0) return;
      const norm = norms[feature]!;
      for (let u = 0; u < width; u++) first[feature * units + u] = norm * weights[row * width + u]!;
    });
    const constants = Array.from(biases);
    const shared = mlpInputs(this.#config.rule) - scalars.length;
    scalars.forEach((value, index) => {
      for (let u = 0; u < width; u++) constants[u]! += value * weights[(shared + index) * width + u]!;
    });
    this.#project(factors.ofRows, padded(tensor.rows), this.#parts.row, constants);
    if (!factors.ofColumns) return { row: this.#parts.row, column: 0 };
    this.#project(factors.ofColumns, padded(tensor.columns), this.#parts.column, []);
    return this.#parts;
  }

  /** What the first layer adds for each row, or each column: constants, and the features of that side. */
  #project(side: SideFeatures | undefined, length: number, part: number, constants: readonly number[]): void {
    const units = this.#units[0]!;
    const { weights, biases } = this.#loaded.layers[0]!;
    const width = biases.length;
    const own = this.#kernel.memory.floats(this.#sideWeights, SIDE_ROWS * units).fill(0);
    own.set(constants);
    // FACTOR_FEATURES are three means of rows, three of columns, and the inverse roots of each in that order
    side?.norms.forEach((norm, vector) => {
      const root = vector >= 3 ? 6 : 0;
      const rows = [
        ...(side.isRow ? [this.#factorRows[root + (vector % 3)]!] : []),
        ...(side.isColumn ? [this.#factorRows[root + 3 + (vector % 3)]!] : []),
      ];
      for (let u = 0; u < width; u++) {
        own[(vector + 1) * units + u] = rows.reduce((sum, row) => sum + norm * weights[row * width + u]!, 0);
      }
    });
    this.#kernel.passes.project(
      side?.vectors ?? this.weights,
      side ? SIDE_ROWS - 1 : 0,
      length,
      this.#sideWeights,
      part,
    );
  }
}
