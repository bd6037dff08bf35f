/** What an architecture computes: its update rule, and the kernels that compute it faster. */
import type * as tfjs from '@tensorflow/tfjs-core';
import type { ArchitectureConfig } from '../../shared/architectures/architecture.js';
import type { HostKernel, HostKernelOptions, HostStepper } from './host-kernel.js';
import type { DeviceKernelOptions, TensorKernel } from './tensor-kernel.js';

/** What the update rule reads at a step. */
export interface StepInput<Vector> {
  /** ∇_t, [N]. */
  readonly gradient: Vector;
  /** θ_t, [N]; given to architectures that read parameters. */
  readonly theta?: Vector;
}

/** What it gives. */
export interface StepOutput<Vector, State> {
  /** g_t, [N]. */
  readonly updates: Vector;
  readonly state: State;
}

/**
 * The update rule in float64 on ordinary arrays, one coordinate after the other: the definition that everything faster is
 * tested against. Writes to nothing that it is given.
 *
 * @param phi [phiLength] @param state h_t by part, each [N × size], in the order of the specification
 */
export type Definition = (
  phi: Float64Array,
  input: StepInput<Float64Array>,
  state: readonly Float64Array[],
) => StepOutput<Float64Array, Float64Array[]>;

/** The state as a tensor [N, size] for each part, in the order of the specification. */
export type ColumnState = readonly tfjs.Tensor2D[];

/** TensorFlow.js as far as a step needs it, so that an application without the rest of it is served too. */
export type TensorOperations = typeof tfjs;

/**
 * The same step as plain tensor operations on all coordinates, differentiable in φ, input and state.
 *
 * @param phi its tensors in the order of the flat vector
 * @param slopeLimit the largest slope of what is read that is taken account of in derivatives; 0 for no limit
 */
export type TensorStep = (
  tf: TensorOperations,
  phi: readonly tfjs.Tensor[],
  input: StepInput<tfjs.Tensor1D>,
  state: ColumnState,
  slopeLimit: number,
) => StepOutput<tfjs.Tensor1D, ColumnState>;

/** Kernels by engine. Without one, a tensor engine computes by plain operations; the others cannot compute at all. */
export interface Kernels<Config> {
  /** A kernel in WebAssembly. Throws LoptError if it cannot be compiled here. */
  wasm?(config: Config, options: HostKernelOptions): Promise<HostKernel>;
  /** Shaders for a WebGPU device; undefined if they do not compute this configuration. */
  webgpu?(config: Config, options: DeviceKernelOptions): Promise<TensorKernel | undefined>;
  /** TensorFlow's fused operations; undefined if they do not compute this configuration. */
  tensorflow?(config: Config, options: DeviceKernelOptions): Promise<TensorKernel | undefined>;
}

/** All of an architecture that computes. Its specification is in shared/architectures/. */
export interface UpdateRule<Config extends { readonly type: string } = ArchitectureConfig> {
  readonly type: Config['type'];
  definition(config: Config): Definition;
  tensorStep(config: Config): TensorStep;
  readonly kernels: Kernels<Config>;
  /**
   * Steps by a kernel in a user's program, under one φ. Throws LoptError if it cannot be compiled here.
   * @default steps by tensor operations alone
   */
  stepper?(config: Config, phi: Float32Array): HostStepper;
  /** The Python source of an optimizer for PyTorch that needs nothing else, of φ [phiLength]. @default no export */
  torch?(config: Config, phi: Float32Array): Promise<string>;
}
