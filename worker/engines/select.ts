/** Makes the engine that a configuration names. */
import { cpus } from 'node:os';
import type { RunConfig } from '../../shared/config.js';
import type { EstimatorConfig } from '../../shared/estimators/estimator.js';
import type { Gradient, HessianProduct, Problems } from '../problems/problem.js';
import type { Engine } from './engine.js';
import { WasmEngine } from './wasm/wasm-engine.js';

/** What an engine computes on. */
export interface EngineDevice {
  /** In words. */
  name: string;
  /** Whether it is a GPU, and no program that stands in for one. */
  gpu: boolean;
}

/** An engine by name, as `lopt engines` lists it. */
export interface EngineEntry {
  readonly name: string;
  readonly summary: string;
  /** Whether one thread of a process computes, which keeps its shards on the device. */
  readonly single: boolean;
  /** Throws LoptError, in a sentence with the remedy, where the engine cannot be used here. */
  device(): Promise<EngineDevice>;
  create(config: RunConfig, problems: Problems, derivatives: Derivatives): Promise<Engine>;
}

/** The problems' derivatives on typed arrays, made where an engine computes on such. */
export interface Derivatives {
  gradient(): Promise<Gradient>;
  hessian(): Promise<HessianProduct>;
}

/** The option of an engine that `training` sets. */
function limitOf({ slopeLimit }: EstimatorConfig): { slopeLimit?: number } {
  return slopeLimit === 0 ? {} : { slopeLimit };
}

function processor(): Promise<EngineDevice> {
  return Promise.resolve({ name: cpus()[0]?.model ?? process.arch, gpu: false });
}

const wasm: EngineEntry = {
  name: 'wasm',
  summary: 'SIMD kernel on the CPU, an instance for every thread',
  single: false,
  device: processor,
  async create({ architecture, strict, estimator }, problems, { gradient, hessian }) {
    const second = estimator.secondDerivatives ? { hessian: await hessian(), ...limitOf(estimator) } : {};
    return new WasmEngine({ problems, architecture, strict, gradient: await gradient(), ...second });
  },
};

const tensorflow: EngineEntry = {
  name: 'tensorflow',
  summary: "TensorFlow's fused LSTM, on an NVIDIA GPU with CUDA 11, else on the CPU",
  single: true,
  async device() {
    const { loadTensorflow } = await import('../devices/tensorflow/load.js');
    const { device, gpu } = await loadTensorflow();
    return { name: device, gpu };
  },
  async create({ architecture, estimator }, problems) {
    const { createTensorflowEngine } = await import('./tensor/tensorflow/tensorflow-engine.js');
    return createTensorflowEngine({
      problems,
      architecture,
      secondDerivatives: estimator.secondDerivatives,
      ...limitOf(estimator),
    });
  },
};

const webgpu: EngineEntry = {
  name: 'webgpu',
  summary: 'WGSL kernel on any GPU with a driver for Vulkan, Metal or Direct3D 12',
  single: true,
  async device() {
    const { loadWebGpu } = await import('../devices/webgpu/load.js');
    const { name, software } = await loadWebGpu();
    return { name, gpu: !software };
  },
  async create({ architecture, estimator }, problems) {
    const { createWebGpuEngine } = await import('./tensor/webgpu/webgpu-engine.js');
    return createWebGpuEngine({
      problems,
      architecture,
      secondDerivatives: estimator.secondDerivatives,
      ...limitOf(estimator),
    });
  },
};

const reference: EngineEntry = {
  name: 'reference',
  summary: 'plain TensorFlow.js operations and automatic differentiation: slow, to check the others by',
  single: false,
  device: processor,
  async create({ architecture, estimator }, problems) {
    const { createReferenceEngine } = await import('./tensor/reference-engine.js');
    return createReferenceEngine({
      problems,
      architecture,
      secondDerivatives: estimator.secondDerivatives,
      ...limitOf(estimator),
    });
  },
};

/** Every engine by name. */
export const ENGINES: ReadonlyMap<string, EngineEntry> = new Map(
  [wasm, tensorflow, webgpu, reference].map((entry) => [entry.name, entry]),
);
