/** An architecture on the tensors of a device: what a tensor engine computes with. The loop over a window is the engine's. */
import type * as tfjs from '@tensorflow/tfjs';
import type { Tf } from '../problems/problem.js';

/** What a kernel for a device is made with. */
export interface DeviceKernelOptions {
  /** TensorFlow.js with its backend set. */
  readonly tf: Tf;
  /** The WebGPU device of that backend, if it is one. */
  readonly device?: GPUDevice | undefined;
  /** Whether that device is a program on the CPU. */
  readonly software?: boolean | undefined;
}

/** h_t of all coordinates; of how many tensors, and in which order, is the kernel's own. */
export type TensorState = readonly tfjs.Tensor[];

/** What comes back through a window. */
export interface WindowSignal {
  /** ∇_K, [N]. */
  last: tfjs.Tensor1D;
  /** w_1…w_K. */
  lossWeights: Float32Array;
  /** An additional dL/dg_0…dL/dg_{K−1}, each [N]; none where empty. */
  updateGradient: readonly tfjs.Tensor1D[];
  /** False for the coordinates of bad problems, [N]; absent where all are healthy. What is given here has zeros there. */
  healthy?: tfjs.Tensor1D | undefined;
}

/** The steps of a window, one after another. Tensors that are given to it stay the caller's, and live as long as it does. */
export interface TensorPassage {
  /** θ + g, where (g, h') = m(∇, h, φ) of all coordinates: ∇ and θ are [N]. */
  step(gradient: tfjs.Tensor1D, theta: tfjs.Tensor1D): tfjs.Tensor1D;
  /**
   * What `healthOf` gives, after the last step, of the losses of all steps and ∇_1…∇_K. Nothing where the passage does
   * not know these any more; a kernel may have no better way than operations.
   */
  health?(losses: readonly tfjs.Tensor1D[], last: tfjs.Tensor1D): tfjs.Tensor1D | undefined;
  /**
   * d/dφ of Σ_s <g_s, dL/dg_s> with all gradients as constants, dL/dg_s = Σ_{t>s} w_t ∇_t: [phiLength]. The coordinates
   * of bad problems add exactly nothing, whatever their steps gave.
   */
  metaGradient(signal: WindowSignal): tfjs.Tensor1D;
  /** h after the last step, with zeros for the coordinates of bad problems; the caller's. */
  state(healthy: tfjs.Tensor1D | undefined): TensorState;
  dispose(): void;
}

/** What a passage is begun for. */
export interface PassageOptions {
  /** How many steps it has. */
  steps: number;
  /** Whether `metaGradient` is wanted. */
  backward: boolean;
}

/** One way to compute an architecture. */
export interface TensorKernel {
  /** In words, for the engine's description. */
  readonly description: string;
  /** Sets φ, [phiLength]. */
  loadPhi(phi: Float32Array): void;
  /** h_0 of so many coordinates at the start of an episode. */
  zeroState(coordinates: number): TensorState;
  /** Numbers of such a state. */
  stateLength(coordinates: number): number;
  /** The state of `ShardState.hidden`, [stateLength]. */
  upload(hidden: Float32Array): TensorState;
  download(state: TensorState): Promise<Float32Array>;
  /** Goes on from a state, which stays the caller's and lives as long as the passage. One at a time. */
  begin(state: TensorState, options: PassageOptions): TensorPassage;
  /** Disposes of φ. */
  close(): void;
}
