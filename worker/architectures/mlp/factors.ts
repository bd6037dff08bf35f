/** The factors of matrices (Shazeer and Stern 2018, arXiv 1804.04235) for a kernel: running means of ∇² by rows and columns. */
import type { MlpConfig } from '../../../shared/architectures/mlp.js';
import type { Clock } from '../layout.js';
import { MEAN_DECAYS, power, RULE_NUMBERS, TINY } from './numbers.js';
import { padded, type TensorKernel } from './passes.js';
import type { Decays } from './perceptron.js';
import type { PlacedTensor } from './placement.js';

/** Running means of ∇² along one side of a matrix. */
interface Side {
  /** Of each decay, their bias corrected, [length]. */
  readonly means: readonly Float32Array[];
  /** How much each is multiplied by to correct it. */
  readonly corrections: readonly number[];
  /** What the network reads of them: three means and three inverse roots, [padded length] each. */
  readonly vectors: Float32Array;
  readonly length: number;
}

/** One side's features: their vectors in the kernel's memory, and 1/rms of each over the tensor. */
export interface SideFeatures {
  /** Six vectors, padded. */
  readonly vectors: number;
  /** In the order of the vectors: three means, three inverse roots. */
  readonly norms: readonly number[];
  /** Whether they are what the rule calls rows, and whether what it calls columns. */
  readonly isRow: boolean;
  readonly isColumn: boolean;
}

/** What `advance` made. */
export interface StepFactors {
  /** The factors of the rows and of the columns, as the passes take them. */
  readonly rows: number;
  readonly columns: number;
  /** The features of the rows and of the columns; absent if the tensor has none. */
  readonly ofRows?: SideFeatures;
  readonly ofColumns?: SideFeatures;
}

/** Vectors that are kept for a side. */
const VECTORS = 6;

export class Factors {
  readonly #config: MlpConfig;
  readonly #kernel: TensorKernel;
  #longest = 0;
  #at = { zeros: 0, rows: 0, columns: 0, rowSums: 0, columnSums: 0, rowVectors: 0, columnVectors: 0 };

  constructor(config: MlpConfig, kernel: TensorKernel) {
    this.#config = config;
    this.#kernel = kernel;
  }

  /** Lays out memory for tensors whose sides are at most so long. */
  allocate(longest: number): void {
    const { memory } = this.#kernel;
    const floats = (count: number) => memory.allocate(4 * count);
    this.#longest = longest;
    this.#at = {
      zeros: floats(VECTORS * longest),
      rows: floats(3 * longest),
      columns: floats(VECTORS * longest),
      rowSums: floats(longest),
      columnSums: floats(longest),
      rowVectors: floats(VECTORS * longest),
      columnVectors: floats(VECTORS * longest),
    };
  }

  /** Zeroes what must be zero, once memory no longer moves. */
  begin(): void {
    this.#kernel.memory.floats(this.#at.zeros, VECTORS * this.#longest).fill(0);
  }

  /** Advances the means of ∇² of a tensor, and writes their factors and features. */
  advance(tensor: PlacedTensor, decays: Decays, clock: Clock): StepFactors {
    const { rule } = this.#config;
    if (tensor.isMatrix && rule !== 'control') return this.#advanceMatrix(tensor, decays, clock);
    if (rule === 'small-fc') return this.#advanceVector(tensor, decays);
    return { rows: this.#at.zeros, columns: this.#at.zeros };
  }

  #advanceMatrix(tensor: PlacedTensor, decays: Decays, clock: Clock): StepFactors {
    const { passes, memory } = this.#kernel;
    const { args, rows, columns, rowMeans, columnMeans } = tensor;
    const { invariant, largestGradient } = RULE_NUMBERS[this.#config.rule];
    const at = this.#at;
    passes.squares(...args, largestGradient, at.rowSums, at.columnSums);
    const floor = invariant ? 0 : TINY;
    blendSums(rowMeans, memory.floats(at.rowSums, rows), columns, decays.factors, floor);
    blendSums(columnMeans, memory.floats(at.columnSums, columns), rows, decays.factors, floor);
    const corrections = MEAN_DECAYS.map((decay) => (invariant ? 1 / (1 - power(decay, clock.step + 1)) : 1));
    const side = (means: readonly Float32Array[], vectors: number, length: number): Side => ({
      means,
      corrections,
      vectors: memory.floats(vectors, VECTORS * padded(length)),
      length,
    });
    const ofRows = side(rowMeans, at.rowVectors, rows);
    const ofColumns = side(columnMeans, at.columnVectors, columns);
    // what the rules call rows is the shorter side
    const upright = rows <= columns;
    const rowFactors = memory.floats(at.rows, 3 * rows);
    const wide = padded(columns);
    const columnFactors = memory.floats(at.columns, VECTORS * wide).fill(0);
    const write = (own: Side, other: Side, ownFactor: Factor, otherFactor: Factor) => {
      this.#writeShare(own, ownFactor);
      this.#writeRoot(other, otherFactor);
    };
    const toRow: Factor = (k, r, value) => {
      rowFactors[k * rows + r] = value;
    };
    const toColumn: Factor = (k, c, value) => {
      columnFactors[k * wide + c] = value;
      columnFactors[(k + 3) * wide + c] = value;
    };
    if (upright) write(ofRows, ofColumns, toRow, toColumn);
    else write(ofColumns, ofRows, toColumn, toRow);
    return {
      rows: at.rows,
      columns: at.columns,
      ofRows: { vectors: at.rowVectors, norms: this.#writeVectors(ofRows), isRow: upright, isColumn: !upright },
      ofColumns: {
        vectors: at.columnVectors,
        norms: this.#writeVectors(ofColumns),
        isRow: !upright,
        isColumn: upright,
      },
    };
  }

  /** 1/√(mean of the side over its own mean). */
  #writeShare({ means, corrections }: Side, write: Factor): void {
    const { invariant, epsilon } = RULE_NUMBERS[this.#config.rule];
    means.forEach((values, k) => {
      const correction = corrections[k]!;
      const middle = correction * meanOf(values);
      for (let i = 0; i < values.length; i++) {
        const value = correction * values[i]!;
        write(
          k,
          i,
          invariant ? 1 / Math.sqrt(value / (middle + TINY) + epsilon.factor) : safeRoot(value / (middle + 1e-9)),
        );
      }
    });
  }

  /** 1/√(mean of the side). */
  #writeRoot({ means, corrections }: Side, write: Factor): void {
    const { invariant, epsilon } = RULE_NUMBERS[this.#config.rule];
    means.forEach((values, k) => {
      const correction = corrections[k]!;
      const small = epsilon.factor * correction * meanOf(values) + TINY;
      for (let i = 0; i < values.length; i++) {
        const value = correction * values[i]!;
        write(k, i, invariant ? 1 / Math.sqrt(value + small) : safeRoot(value));
      }
    });
  }

  /** Writes the features of a side; returns 1/rms of each. */
  #writeVectors({ means, corrections, vectors, length }: Side): number[] {
    const { invariant, epsilon } = RULE_NUMBERS[this.#config.rule];
    const wide = padded(length);
    means.forEach((values, k) => {
      const correction = corrections[k]!;
      const middle = correction * meanOf(values);
      const unit = invariant ? middle + TINY : 1;
      const small = invariant ? epsilon.factor * middle + TINY : epsilon.factor;
      for (let i = 0; i < length; i++) {
        const value = correction * values[i]!;
        vectors[k * wide + i] = value / unit;
        vectors[(k + 3) * wide + i] = 1 / Math.sqrt(value + small);
      }
    });
    return Array.from({ length: VECTORS }, (_, v) => {
      const values = vectors.subarray(v * wide, v * wide + length);
      let sum = 0;
      for (let i = 0; i < length; i++) sum += values[i]! * values[i]!;
      const size = Math.sqrt(sum / length + epsilon.norm);
      return size > 0 ? 1 / size : 0;
    });
  }

  /** What `small-fc` reads of a vector in place of factors: running means of ∇² of every coordinate. */
  #advanceVector({ gradient, squares, columns }: PlacedTensor, decays: Decays): StepFactors {
    const { memory } = this.#kernel;
    const at = this.#at;
    const wide = padded(columns);
    memory.floats(at.rows, 3).fill(1);
    const factors = memory.floats(at.columns, VECTORS * wide).fill(0);
    squares.forEach((square, k) => {
      const decay = decays.factors[k]!;
      for (let i = 0; i < columns; i++) {
        square[i] = decay * square[i]! + (1 - decay) * (gradient[i]! * gradient[i]! + TINY);
        factors[k * wide + i] = safeRoot(square[i]! + 1e-9);
        factors[(k + 3) * wide + i] = 1 / Math.sqrt(square[i]! + 1e-6);
      }
    });
    const vectors = memory.floats(at.columnVectors, VECTORS * wide);
    const norms = this.#writeVectors({ means: squares, corrections: [1, 1, 1], vectors, length: columns });
    const ofColumns = { vectors: at.columnVectors, norms, isRow: true, isColumn: true };
    return { rows: at.rows, columns: at.columns, ofColumns };
  }
}

/** Takes the factor of decay k of row or column i. */
type Factor = (k: number, i: number, value: number) => void;

/** mean ← β·mean + (1 − β)·(sum/count + floor), for each β. */
function blendSums(
  means: readonly Float32Array[],
  sums: Float32Array,
  count: number,
  decays: readonly number[],
  floor: number,
): void {
  means.forEach((mean, k) => {
    const decay = decays[k]!;
    for (let i = 0; i < sums.length; i++) mean[i] = decay * mean[i]! + (1 - decay) * (sums[i]! / count + floor);
  });
}

function meanOf(values: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}

function safeRoot(value: number): number {
  return 1 / Math.sqrt(Math.max(value, 1e-9));
}
