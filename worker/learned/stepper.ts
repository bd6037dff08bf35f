/** The interface through which LearnedOptimizer computes its steps. */
import type { Tensor, Tensor2D, Variable } from '@tensorflow/tfjs-core';

/** The hidden state of one variable of n elements. */
export interface VariableState {
  /** n. */
  readonly coordinates: number;
  /** θ + g for the gradient ∇, both in the variable's shape; h advances. */
  step(gradient: Tensor, variable: Variable): Tensor;
  /** h as a new tensor [n, 2·Σ units]: for each layer from the input up, its hidden units and then its cells. */
  read(): Tensor2D;
  dispose(): void;
}

/** One way to compute steps, under one φ. */
export interface Stepper {
  /** Zeros, for a variable of n elements. */
  begin(coordinates: number): VariableState;
  /** The state that `read` returned, to the bit. */
  restore(rows: Tensor2D): Promise<VariableState>;
  /** Frees φ; the states are disposed of separately. */
  dispose(): void;
}
