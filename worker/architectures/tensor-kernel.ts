/**
 * The interface of kernels on a device's tensors, which tensor engines compute with. The engine loops over the window.
 */
import type * as tfjs from '@tensorflow/tfjs';
import type { Tf } from '../problems/problem.js';
import type { Clock, CoordinateLayout } from './layout.js';

/** Options of a kernel for a device. */
export interface DeviceKernelOptions {
  /** TensorFlow.js with its backend set. */
  readonly tf: Tf;
  /** The WebGPU device of that backend, if it is one. */
  readonly device?: GPUDevice | undefined;
  /** Whether that device is a software renderer. */
  readonly software?: boolean | undefined;
}

/** h_t of all coordinates, as tensors that only the kernel can interpret. */
export type TensorState = readonly tfjs.Tensor[];

/** The input of a window's backward pass. */
export interface WindowSignal {
  /** ∇_K, [N]. */
  last: tfjs.Tensor1D;
  /** w_1…w_K. */
  lossWeights: Float32Array;
  /** An additional dL/dg_0…dL/dg_{K−1}, each [N]; empty if there is none. */
  updateGradient: readonly tfjs.Tensor1D[];
  /** False for the coordinates of bad problems, [N]; absent if all are healthy. The other tensors have zeros there. */
  healthy?: tfjs.Tensor1D | undefined;
}

/**
 * The steps of a window, one after another. The caller owns the tensors that it passes, and keeps them as long as the
 * passage.
 */
export interface TensorPassage {
  /** θ + g, where (g, h') = m(∇, h, φ) of all coordinates: ∇ and θ are [N]. */
  step(gradient: tfjs.Tensor1D, theta: tfjs.Tensor1D): tfjs.Tensor1D;
  /**
   * After the last step: what `healthOf` returns for the losses of all steps and ∇_1…∇_K. Undefined if the passage no
   * longer has these gradients; absent if the kernel cannot do better than operations.
   */
  health?(losses: readonly tfjs.Tensor1D[], last: tfjs.Tensor1D): tfjs.Tensor1D | undefined;
  /**
   * d/dφ of Σ_s <g_s, dL/dg_s> with all gradients as constants, dL/dg_s = Σ_{t>s} w_t ∇_t: [phiLength]. The coordinates
   * of bad problems add exactly zero, whatever their steps gave.
   */
  metaGradient(signal: WindowSignal): tfjs.Tensor1D;
  /** h after the last step, with zeros for the coordinates of bad problems; the caller disposes of it. */
  state(healthy: tfjs.Tensor1D | undefined): TensorState;
  dispose(): void;
}

/** Options of a passage. */
export interface PassageOptions {
  layout: CoordinateLayout;
  clock: Clock;
  /** How many steps it has. */
  steps: number;
  /** Whether `metaGradient` will be called. */
  backward: boolean;
}

/** One way to compute an architecture. */
export interface TensorKernel {
  /** In words, for the engine's description. */
  readonly description: string;
  /** Sets φ, [phiLength]. */
  loadPhi(phi: Float32Array): void;
  /** h_0 at the start of an episode. */
  zeroState(layout: CoordinateLayout): TensorState;
  /** Length of the state. */
  stateLength(layout: CoordinateLayout): number;
  /** Uploads `ShardState.hidden`, [stateLength]. */
  upload(hidden: Float32Array, layout: CoordinateLayout): TensorState;
  download(state: TensorState): Promise<Float32Array>;
  /** Begins a passage at a state, which the caller owns and keeps as long as the passage. One at a time. */
  begin(state: TensorState, options: PassageOptions): TensorPassage;
  /** Disposes of φ. */
  close(): void;
}
