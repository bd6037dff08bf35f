/** The factors of matrices (Shazeer and Stern 2018, arXiv 1804.04235) for a kernel: running means of ∇² by rows and columns. */
import type { MlpConfig } from '../../../shared/architectures/mlp.js';
import { MEAN_DECAYS, RULE_NUMBERS, type RuleNumbers, TINY } from './numbers.js';
import { padded, type TensorKernel } from './passes.js';
import type { Decays } from './perceptron.js';
import type { PlacedTensor } from './placement.js';

/** One side's features: their vectors in the kernel's memory, and 1/rms of each over the tensor. */
export interface SideFeatures {
  /** Six vectors, padded: three means, three inverse roots. */
  readonly vectors: number;
  /** In the order of the vectors. */
  readonly norms: Float64Array;
  /** Whether they are what the rule calls rows, and whether what it calls columns. */
  readonly isRow: boolean;
  readonly isColumn: boolean;
}

/** The factors of one tensor. */
export interface TensorFactors {
  /** The factors of the rows and of the columns, as the passes take them. */
  readonly rows: number;
  readonly columns: number;
  /** The features of the rows and of the columns; absent if the tensor has none. */
  readonly ofRows?: SideFeatures;
  readonly ofColumns?: SideFeatures;
  /**
   * Advances the means of ∇² of the tensor, and writes their factors and features.
   *
   * @param corrections what each mean is multiplied by to correct its bias
   */
  advance(decays: Decays, corrections: ArrayLike<number>): void;
}

/** Vectors that are kept for a side. */
const VECTORS = 6;
const KINDS = MEAN_DECAYS.length;

/** Makes the factors of tensors, which share their memory: those of one are valid until the next one's advance. */
export class FactorMemory {
  readonly #config: MlpConfig;
  readonly #kernel: TensorKernel;
  readonly #numbers: RuleNumbers;
  #at = { zeros: 0, rows: 0, columns: 0, rowSums: 0, columnSums: 0, rowVectors: 0, columnVectors: 0 };
  #longest = 0;

  constructor(config: MlpConfig, kernel: TensorKernel) {
    this.#config = config;
    this.#kernel = kernel;
    this.#numbers = RULE_NUMBERS[config.rule];
  }

  /** Lays out memory for tensors whose sides are at most so long. */
  allocate(longest: number): void {
    const floats = (count: number) => this.#kernel.memory.allocate(4 * count);
    this.#longest = longest;
    this.#at = {
      zeros: floats(VECTORS * longest),
      rows: floats(KINDS * longest),
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

  /** The factors of a tensor. */
  of(tensor: PlacedTensor): TensorFactors {
    const { rule } = this.#config;
    if (tensor.isMatrix && rule !== 'control') return this.#ofMatrix(tensor);
    if (rule === 'small-fc') return this.#ofVector(tensor);
    return { rows: this.#at.zeros, columns: this.#at.zeros, advance() {} };
  }

  #ofMatrix(tensor: PlacedTensor): TensorFactors {
    const { passes, memory } = this.#kernel;
    const { args, rows, columns } = tensor;
    const { invariant, largestGradient } = this.#numbers;
    const at = this.#at;
    // what the rules call rows is the shorter side
    const upright = rows <= columns;
    const wide = padded(columns);
    const ofRows = new Side(this.#numbers, {
      means: tensor.rowMeans,
      sums: memory.floats(at.rowSums, rows),
      summed: columns,
      vectors: memory.floats(at.rowVectors, VECTORS * padded(rows)),
      factors: memory.floats(at.rows, KINDS * rows),
      stride: rows,
      copies: 1,
      isShare: upright,
    });
    const ofColumns = new Side(this.#numbers, {
      means: tensor.columnMeans,
      sums: memory.floats(at.columnSums, columns),
      summed: rows,
      vectors: memory.floats(at.columnVectors, VECTORS * wide),
      factors: memory.floats(at.columns, VECTORS * wide),
      stride: wide,
      copies: 2,
      isShare: !upright,
    });
    const floor = invariant ? 0 : TINY;
    return {
      rows: at.rows,
      columns: at.columns,
      ofRows: { vectors: at.rowVectors, norms: ofRows.norms, isRow: upright, isColumn: !upright },
      ofColumns: { vectors: at.columnVectors, norms: ofColumns.norms, isRow: !upright, isColumn: upright },
      advance(decays, corrections) {
        passes.squares(args[0], args[1], args[2], args[3], rows, columns, largestGradient, at.rowSums, at.columnSums);
        for (const side of [ofRows, ofColumns]) side.advance(decays, corrections, floor);
      },
    };
  }

  /** What `small-fc` reads of a vector in place of factors: running means of ∇² of every coordinate. */
  #ofVector({ gradient, squares, columns }: PlacedTensor): TensorFactors {
    const { memory } = this.#kernel;
    const at = this.#at;
    const wide = padded(columns);
    const rowFactors = memory.floats(at.rows, KINDS);
    const factors = memory.floats(at.columns, VECTORS * wide);
    const vectors = memory.floats(at.columnVectors, VECTORS * wide);
    const norms = new Float64Array(VECTORS);
    return {
      rows: at.rows,
      columns: at.columns,
      ofColumns: { vectors: at.columnVectors, norms, isRow: true, isColumn: true },
      advance: (decays) => {
        rowFactors.fill(1);
        factors.fill(0);
        for (let k = 0; k < KINDS; k++) {
          const decay = decays.factors[k]!;
          const square = squares[k]!;
          for (let i = 0; i < columns; i++) {
            square[i] = decay * square[i]! + (1 - decay) * (gradient[i]! * gradient[i]! + TINY);
            factors[k * wide + i] = safeRoot(square[i]! + 1e-9);
            factors[(k + 3) * wide + i] = 1 / Math.sqrt(square[i]! + 1e-6);
          }
          writeFeatures(this.#numbers, square, 1, meanOf(square), { k, vectors, wide, norms });
        }
      },
    };
  }
}

/** The arrays of one side of a matrix. */
interface SideArrays {
  /** Running means of ∇², one for each decay, [length]. */
  readonly means: readonly Float32Array[];
  /** Σ∇² of this step, [length], and over how many each goes. */
  readonly sums: Float32Array;
  readonly summed: number;
  /** Where features are written, [6 × padded length]. */
  readonly vectors: Float32Array;
  /** Where factors are written: `copies` times one for each decay, `stride` floats each. */
  readonly factors: Float32Array;
  readonly stride: number;
  readonly copies: number;
  /** Whether its factor is 1/√(mean over the side's own mean), not 1/√mean. */
  readonly isShare: boolean;
}

/** One side of a matrix. */
class Side {
  readonly norms = new Float64Array(VECTORS);
  readonly #numbers: RuleNumbers;
  readonly #arrays: SideArrays;

  constructor(numbers: RuleNumbers, arrays: SideArrays) {
    this.#numbers = numbers;
    this.#arrays = arrays;
  }

  advance(decays: Decays, corrections: ArrayLike<number>, floor: number): void {
    const { means, sums, summed, vectors } = this.#arrays;
    const wide = padded(sums.length);
    for (let k = 0; k < KINDS; k++) {
      const values = means[k]!;
      const decay = decays.factors[k]!;
      for (let i = 0; i < sums.length; i++) {
        values[i] = decay * values[i]! + (1 - decay) * (sums[i]! / summed + floor);
      }
      const correction = corrections[k]!;
      const middle = correction * meanOf(values);
      this.#writeFactors(k, values, correction, middle);
      writeFeatures(this.#numbers, values, correction, middle, { k, vectors, wide, norms: this.norms });
    }
  }

  #writeFactors(k: number, values: Float32Array, correction: number, middle: number): void {
    const { invariant, epsilon } = this.#numbers;
    const { factors, stride, copies, isShare } = this.#arrays;
    const small = epsilon.factor * middle + TINY;
    const at = k * stride;
    const copy = copies > 1 ? at + KINDS * stride : at;
    for (let i = 0; i < values.length; i++) {
      const value = correction * values[i]!;
      let factor: number;
      if (isShare) {
        factor = invariant
          ? 1 / Math.sqrt(value / (middle + TINY) + epsilon.factor)
          : safeRoot(value / (middle + 1e-9));
      } else {
        factor = invariant ? 1 / Math.sqrt(value + small) : safeRoot(value);
      }
      factors[at + i] = factor;
      factors[copy + i] = factor;
    }
    // the lanes beyond the end
    factors.fill(0, at + values.length, at + stride);
    factors.fill(0, copy + values.length, copy + stride);
  }
}

/** Where the features of decay k are written. */
interface FeaturePlace {
  readonly k: number;
  readonly vectors: Float32Array;
  readonly wide: number;
  readonly norms: Float64Array;
}

/** Writes running means, times their correction, and their inverse roots, and 1/rms of each; `middle` is their mean. */
function writeFeatures(
  { invariant, epsilon }: RuleNumbers,
  values: Float32Array,
  correction: number,
  middle: number,
  { k, vectors, wide, norms }: FeaturePlace,
): void {
  const unit = invariant ? middle + TINY : 1;
  const small = invariant ? epsilon.factor * middle + TINY : epsilon.factor;
  const [at, rootAt] = [k * wide, (k + KINDS) * wide];
  let sum = 0;
  let rootSum = 0;
  for (let i = 0; i < values.length; i++) {
    const value = correction * values[i]!;
    vectors[at + i] = value / unit;
    vectors[rootAt + i] = 1 / Math.sqrt(value + small);
    // as they are rounded
    sum += vectors[at + i]! * vectors[at + i]!;
    rootSum += vectors[rootAt + i]! * vectors[rootAt + i]!;
  }
  norms[k] = inverseSize(sum / values.length, epsilon.norm);
  norms[k + KINDS] = inverseSize(rootSum / values.length, epsilon.norm);
}

/** 1/√(mean square + ε); 0 for zeros. */
export function inverseSize(meanSquare: number, epsilon: number): number {
  const size = Math.sqrt(meanSquare + epsilon);
  return size > 0 ? 1 / size : 0;
}

function meanOf(values: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}

function safeRoot(value: number): number {
  return 1 / Math.sqrt(Math.max(value, 1e-9));
}
