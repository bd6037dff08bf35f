/** An architecture's update rule, and the kernels that compute it faster. */
import type * as tfjs from '@tensorflow/tfjs-core';
import type { ArchitectureConfig } from '../../shared/architectures/architecture.js';
import type { HostKernel, HostKernelOptions, HostStepper, StepperOptions } from './host-kernel.js';
import type { Clock, CoordinateLayout } from './layout.js';
import type { DeviceKernelOptions, TensorKernel } from './tensor-kernel.js';

/** What the update rule reads at a step. */
export interface StepInput<Vector> {
  /** ∇_t, [N]. */
  readonly gradient: Vector;
  /** θ_t, [N]; given to architectures that read parameters. */
  readonly theta?: Vector;
  /** What the coordinates are; given to architectures that read shapes. */
  readonly layout?: CoordinateLayout;
  /** t and T; given to architectures that read the time. */
  readonly clock?: Clock;
}

/** The result of a step. */
export interface StepOutput<Vector, State> {
  /** g_t, [N]. */
  readonly updates: Vector;
  readonly state: State;
}

/**
 * The update rule in float64 on ordinary arrays, one coordinate at a time: the definition that faster implementations
 * are tested against. Does not write to its arguments.
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

/** The part of TensorFlow.js that a step needs, so that applications need no other part of it. */
export type TensorOperations = typeof tfjs;

/**
 * The same step as plain tensor operations on all coordinates, differentiable in φ, input and state.
 *
 * @param phi its tensors in the order of the flat vector
 * @param slopeLimit limits the slopes of the architecture's input in derivatives; 0 for no limit
 */
export type TensorStep = (
  tf: TensorOperations,
  phi: readonly tfjs.Tensor[],
  input: StepInput<tfjs.Tensor1D>,
  state: ColumnState,
  slopeLimit: number,
) => StepOutput<tfjs.Tensor1D, ColumnState>;

/** Kernels by engine. Without one, tensor engines compute by plain operations; other engines cannot compute at all. */
export interface Kernels<Config> {
  /** A kernel in WebAssembly. Throws LoptError if it cannot be compiled here. */
  wasm?(config: Config, options: HostKernelOptions): Promise<HostKernel>;
  /** A kernel in C with the bits of the one in WebAssembly. Throws LoptError with the remedy if there is none here. */
  native?(config: Config, options: HostKernelOptions): Promise<HostKernel>;
  /** Whether the two before go backward through a window. @default they only go forward */
  readonly goBackward?: boolean;
  /** Shaders for a WebGPU device; undefined if they do not support this configuration. */
  webgpu?(config: Config, options: DeviceKernelOptions): Promise<TensorKernel | undefined>;
  /** TensorFlow's fused operations; undefined if they do not support this configuration. */
  tensorflow?(config: Config, options: DeviceKernelOptions): Promise<TensorKernel | undefined>;
  /** Whether the two before compute this configuration; plain operations are slower than a CPU. @default they do not */
  onDevices?(config: Config): boolean;
}

/** The part of an architecture that computes; its specification is in shared/architectures/. */
export interface UpdateRule<Config extends { readonly type: string } = ArchitectureConfig> {
  readonly type: Config['type'];
  definition(config: Config): Definition;
  tensorStep(config: Config): TensorStep;
  readonly kernels: Kernels<Config>;
  /**
   * Steps by a kernel in a user's program, under one φ. Throws LoptError if it cannot be compiled here.
   * @default steps by tensor operations only
   */
  stepper?(config: Config, phi: Float32Array, options: StepperOptions): HostStepper;
  /** The Python source of a self-contained optimizer for PyTorch under φ [phiLength]. @default no export */
  torch?(config: Config, phi: Float32Array): Promise<string>;
}
