/**
 * The passes over one tensor that its step is made of. Arrays are byte offsets into the kernel's memory; the tensor is rows
 * × columns, its coordinates row by row, a vector one row. Vectors of 16 floats may be read beyond the end of ∇, θ and the
 * means, and written beyond that of the updates, so that 16 more must follow each; of all other arrays nothing beyond the
 * end is touched. Between its last coordinate and its stride a tensor has zeros. Sums have 16 lanes, coordinate i of a row in lane i mod 16, that are added
 * halves on halves: the same bits whatever the width of a register.
 */
import type { KernelMemory } from '../../devices/kernel-memory.js';

/** ∇ and θ of a tensor, its running means (three of ∇ and one of ∇², `stride` floats each), and its shape. */
export type TensorArguments = readonly [
  gradient: number,
  theta: number,
  means: number,
  stride: number,
  rows: number,
  columns: number,
];

export interface TensorPasses {
  /**
   * Advances the running means. `numbers`: their four decays and shares, the largest gradient (see NUMBERS). Writes Σ∇²,
   * Σθ², Σm² of each of three, and Σv to `sums`.
   */
  moments(...args: [...TensorArguments, numbers: number, sums: number]): void;
  /** Σ∇² of every row, and of every column. */
  squares(...args: [...TensorArguments, largest: number, rowSums: number, columnSums: number]): void;
  /**
   * Σ x² of each of COORDINATE_FEATURES, for factors of the rows [3 × rows] and of the columns: [3 × columns] for ∇ and as
   * many for the running means, each padded to a multiple of 16.
   */
  featureSums(
    ...args: [...TensorArguments, rowFactors: number, columnFactors: number, numbers: number, sums: number]
  ): void;
  /** parts[u] = w[0][u] + Σ_v w[v + 1][u]·vectors[v], each [length], a multiple of 16; u are the first layer's units. */
  project(vectors: number, count: number, length: number, weights: number, parts: number): void;
  /**
   * Writes −step·e^(factor·magnitude)·(a·m̂₁/√v̂ + b·m̂₂ + direction) to `updates`. The first layer begins with its part of
   * the row [units × rows], and of the column [units × columns], 0 if there is none; both padded.
   */
  apply(
    ...args: [
      ...TensorArguments,
      rowFactors: number,
      columnFactors: number,
      rowPart: number,
      columnPart: number,
      weights: number,
      numbers: number,
      updates: number,
    ]
  ): void;
}

/** Where the numbers of a pass lie, in floats. */
export const MOMENT_NUMBERS = { decays: 0, shares: 3, squareDecay: 6, squareShare: 7, largest: 8, length: 9 } as const;

/** The numbers of `featureSums`, and then those of `apply`. */
export const FEATURE_NUMBERS = {
  meanFactors: 0,
  rootFactor: 3,
  rootEpsilon: 4,
  squareFactor: 5,
  clip: 6,
  largest: 7,
  adam: 8,
  slow: 9,
  step: 10,
  magnitudeFactor: 11,
  magnitudeLow: 12,
  magnitudeHigh: 13,
  length: 14,
} as const;

/** Lanes of a sum, to which arrays are padded. */
export const GROUP = 16;

/** A layer's units are padded to a multiple of this; the weights of what is added are zeros. */
export const UNITS = 8;

/** The passes of one network, and their memory. */
export interface TensorKernel {
  readonly passes: TensorPasses;
  readonly memory: KernelMemory;
}

/** A length with the lanes that its last group leaves unused. */
export function padded(length: number, multiple: number = GROUP): number {
  return Math.ceil(length / multiple) * multiple;
}
