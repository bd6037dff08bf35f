/** The interface through which LearnedOptimizer computes its steps. */
import type { Tensor, Tensor2D, Variable } from '@tensorflow/tfjs-core';

/** The hidden state of one variable. */
export interface VariableState {
  readonly shape: readonly number[];
  /** θ + g for the gradient ∇, both in the variable's shape; h advances. */
  step(gradient: Tensor, variable: Variable): Tensor;
  /** h as a new tensor, in the form of saved-state.ts. */
  read(): Tensor2D;
  dispose(): void;
}

/** One way to compute steps, under one φ. */
export interface Stepper {
  /** Zeros, for a variable of a shape. */
  begin(shape: readonly number[]): VariableState;
  /** The state that `read` returned, to the bit. */
  restore(saved: Tensor2D): Promise<VariableState>;
  /** Frees φ; the states are disposed of separately. */
  dispose(): void;
}
