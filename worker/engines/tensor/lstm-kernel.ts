/** What a tensor engine needs of the LSTM; the loop over a window is the same for all of them. */
import type * as tfjs from '@tensorflow/tfjs';

/** h and c of every layer from the input up, each [N, units]. */
export type TensorState = readonly tfjs.Tensor2D[];

/** The gradients of a window as the LSTM meets them, and the signal that comes back. */
export interface TensorWindow {
  /** h_0. */
  initialState: TensorState;
  /** ∇_0…∇_{K−1}, each [N]. */
  gradients: readonly tfjs.Tensor1D[];
  /** dL/dg_0…dL/dg_{K−1}, each [N]. */
  updateGradients: readonly tfjs.Tensor1D[];
}

/** One way to compute the LSTM. Methods leave no tensor behind but those that they return and φ. */
export interface LstmKernel {
  /** In words, for the engine's description. */
  readonly description: string;
  /** Sets φ, [phiLength]. */
  loadPhi(phi: Float32Array): void;
  /** (g, h') = m(∇, h, φ) of all coordinates: ∇ and g are [N]. */
  step(gradient: tfjs.Tensor1D, state: TensorState): { updates: tfjs.Tensor1D; state: TensorState };
  /** d/dφ of Σ_s <g_s, dL/dg_s> with all gradients as constants, [phiLength]. */
  phiGradient(window: TensorWindow): Float32Array;
  /** Disposes of φ. */
  close(): void;
}
