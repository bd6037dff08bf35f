/** The interface of kernels on typed arrays in one thread, which CPU engines compute with. */

import type { Walk } from '../../shared/walk.js';
import type { Clock, CoordinateLayout } from './layout.js';

/** Options of a kernel. */
export interface HostKernelOptions {
  /** No fused multiply-add: the same bits on any processor. */
  readonly strict: boolean;
  /**
   * A window's activations are kept if they fit in this many bytes; otherwise the backward pass computes them again, to
   * the same bits. @default as many as pay off
   */
  readonly activationBudget?: number | undefined;
}

/** The size of a window, and what its backward pass needs. */
export interface HostWindowShape {
  readonly layout: CoordinateLayout;
  /** K. */
  readonly steps: number;
  /** Whether an additional dL/dg is given. */
  readonly updateGradient: boolean;
  /** Whether the backward pass goes through the optimizees too. */
  readonly secondDerivatives: boolean;
}

/** Writes H_t·v at θ_t, [N], to `product`, for t in 1…K − 1; zero for the coordinates of bad problems. */
export type StepHessian = (t: number, vector: Float32Array, product: Float32Array) => void;

/** One window in the kernel's memory: first `begin`, then K times `step`, then one of the backward passes, then `end`. */
export interface HostWindow {
  /** ∇_0…∇_K, rows [N]: the caller writes them, ∇_s before step s, and zeros for bad problems before the backward pass. */
  readonly gradients: readonly Float32Array[];
  /** w_1…w_K; the caller writes them. */
  readonly lossWeights: Float32Array;
  /** An additional dL/dg, K rows [N]; the caller writes them. Empty if the shape says there is none. */
  readonly updateGradient: readonly Float32Array[];
  /** Starts from h_0, [stateLength]. */
  begin(hidden: Float32Array): void;
  /** g_s at ∇_s and θ_s [N]; a view that is valid until the next step. */
  step(s: number, theta: Float32Array): Float32Array;
  /** dL/dφ with all gradients as constants, [phiLength]. */
  backward(): Float32Array;
  /** dL/dφ with the optimizees' second derivatives; slopes of the input are at most `slopeLimit`, 0 for no limit. */
  backwardThroughProblems(hessian: StepHessian, slopeLimit: number): Float32Array;
  /** Writes h_K, [stateLength]. */
  end(hidden: Float32Array): void;
}

/** Steps without a backward pass. */
export interface HostWalk {
  /** A step in place: θ_t becomes θ_{t+1}. */
  readonly step: Walk;
  /** Writes the state after the last step, [stateLength]. */
  end(hidden: Float32Array): void;
}

/** A kernel under one φ at a time. */
export interface HostKernel {
  /** In words: part of the engine's description, and so of the fingerprint. */
  readonly description: string;
  /** Sets φ, [phiLength]. */
  loadPhi(phi: Float32Array): void;
  /** Length of the state in the kernel's own order. All zeros at the start of an episode. */
  stateLength(layout: CoordinateLayout): number;
  /** Memory for a window; replaces the last window's unless the shape is the same. @default it only goes forward */
  window?(shape: HostWindowShape): HostWindow;
  /**
   * Steps from a state [stateLength], which stays as it is, or from zeros. Ends the current window or walk; the next one
   * ends it.
   */
  walk(layout: CoordinateLayout, clock: Clock, hidden?: Float32Array): HostWalk;
  /** Zeroes one problem's part of a state. */
  zeroState(hidden: Float32Array, layout: CoordinateLayout, problem: number): void;
}

/** The state of one variable of a user's program, in the kernel's memory. */
export interface HostVariable {
  /** A step in place: θ [n] becomes θ + g; h advances. */
  step(gradient: Float32Array, theta: Float32Array): void;
  /**
   * h: by coordinate [n × stateSize] if coordinates are all that has a state, in the order of the specification; otherwise
   * one part after the other.
   */
  read(): Float32Array;
  /** Sets h to what `read` returned. */
  write(rows: Float32Array): void;
}

/** Computes steps under one φ in a user's program. Its memory is freed with the last reference to it. */
export interface HostStepper {
  /**
   * A variable with zero state.
   *
   * @param step how many steps it has had, if its state is to be written. @default 0
   */
  begin(shape: readonly number[], step?: number): HostVariable;
}

/** Options of a stepper. */
export interface StepperOptions {
  /** T, for learned optimizers that read it; 0 if nobody knows. @default 0 */
  readonly horizon?: number | undefined;
}
