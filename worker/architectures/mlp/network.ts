/** The network's weights for a kernel: those of one tensor's step, with the features' normalisation folded into them. */
import { type MlpConfig, mlpInputs } from '../../../shared/architectures/mlp.js';
import { COORDINATE_FEATURES, FACTOR_FEATURES, featuresOf } from '../../../shared/architectures/mlp-features.js';
import type { SideFeatures, TensorFactors } from './factors.js';
import { padded, type TensorKernel, UNITS } from './passes.js';
import { type Decays, type Perceptron, perceptronOf } from './perceptron.js';
import type { PlacedTensor } from './placement.js';

/** Where the first layer's parts of rows and columns lie; the latter 0 if there is none. */
export interface Parts {
  readonly row: number;
  readonly column: number;
}

/** Vectors of a side, and the constants before them. */
const SIDE_ROWS = 7;

/** Units of the layers that a kernel computes, padded: `control` has none, since its network reads no coordinate. */
export function kernelUnits({ rule, units }: MlpConfig): number[] {
  return rule === 'control' ? [] : units.map((width) => padded(width, UNITS));
}

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
  #parts: Parts = { row: 0, column: 0 };
  #first: Float32Array = new Float32Array(0);
  #side: Float32Array = new Float32Array(0);
  #perceptron: Perceptron | undefined;

  constructor(config: MlpConfig, kernel: TensorKernel) {
    this.#config = config;
    this.#kernel = kernel;
    this.#units = kernelUnits(config);
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
  evaluate(scalars: Float64Array): number[] {
    return this.#loaded.evaluate([...scalars]);
  }

  /** Takes the views that steps write to, once memory no longer moves. */
  begin(): void {
    const { memory } = this.#kernel;
    const units = this.#units[0] ?? 0;
    this.#first = memory.floats(this.weights, COORDINATE_FEATURES.length * units);
    this.#side = memory.floats(this.#sideWeights, SIDE_ROWS * units);
  }

  /**
   * Writes the weights of a tensor's step, and what the first layer adds for its rows and columns; says where that is.
   *
   * @param norms 1/rms of COORDINATE_FEATURES @param scalars the inputs that all coordinates of the tensor share
   */
  prepare(tensor: PlacedTensor, factors: TensorFactors, norms: Float64Array, scalars: Float64Array): Parts {
    const units = this.#units[0];
    if (units === undefined) return { row: this.weights, column: 0 };
    const { weights, biases } = this.#loaded.layers[0]!;
    const width = biases.length;
    const first = this.#first;
    for (let feature = 0; feature < norms.length; feature++) {
      const row = this.#coordinateRows[feature]!;
      if (row < 0) continue;
      const norm = norms[feature]!;
      for (let u = 0; u < width; u++) first[feature * units + u] = norm * weights[row * width + u]!;
    }
    const shared = mlpInputs(this.#config.rule) - scalars.length;
    const side = this.#side.fill(0);
    for (let u = 0; u < width; u++) {
      let constant = biases[u]!;
      for (let i = 0; i < scalars.length; i++) constant += scalars[i]! * weights[(shared + i) * width + u]!;
      side[u] = constant;
    }
    this.#project(factors.ofRows, padded(tensor.rows), this.#parts.row);
    if (!factors.ofColumns) return { row: this.#parts.row, column: 0 };
    side.fill(0, 0, width);
    this.#project(factors.ofColumns, padded(tensor.columns), this.#parts.column);
    return this.#parts;
  }

  /** What the first layer adds for each row, or each column: the constants that are written, and the features of that side. */
  #project(side: SideFeatures | undefined, length: number, part: number): void {
    const { passes } = this.#kernel;
    if (!side) {
      passes.project(this.weights, 0, length, this.#sideWeights, part);
      return;
    }
    const units = this.#units[0]!;
    const { weights, biases } = this.#loaded.layers[0]!;
    const width = biases.length;
    const own = this.#side;
    // FACTOR_FEATURES are three means of rows, three of columns, and the inverse roots of each in that order
    for (let vector = 0; vector < side.norms.length; vector++) {
      const norm = side.norms[vector]!;
      const row = this.#factorRows[vector < 3 ? vector : vector + 3]!;
      const column = this.#factorRows[vector < 3 ? vector + 3 : vector + 6]!;
      for (let u = 0; u < width; u++) {
        const ofRow = side.isRow ? norm * weights[row * width + u]! : 0;
        own[(vector + 1) * units + u] = ofRow + (side.isColumn ? norm * weights[column * width + u]! : 0);
      }
    }
    passes.project(side.vectors, SIDE_ROWS - 1, length, this.#sideWeights, part);
  }
}
