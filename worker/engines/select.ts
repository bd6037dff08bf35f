/** The registry of engines. */
import { cpus } from 'node:os';
import type { ArchitectureConfig } from '../../shared/architectures/architecture.js';
import type { EngineAbilities } from '../../shared/combination.js';
import type { UpdateRule } from '../architectures/architecture.js';
import { RULES } from '../architectures/registry.js';
import { loadNative, nativeFault } from '../devices/native/load.js';
import type { Gradient, HessianProduct, Problems } from '../problems/problem.js';
import type { Engine } from './engine.js';
import {
  createNativeEngine,
  createWasmEngine,
  type KernelEngineOptions,
  type SharedKernels,
} from './host/kernel-engine.js';

/** The device that an engine computes on. */
export interface EngineDevice {
  /** In words. */
  name: string;
  /** Whether it is a real GPU rather than a software renderer. */
  gpu: boolean;
}

/** An engine by name, as `lopt engines` lists it. */
export interface EngineEntry extends EngineAbilities {
  readonly summary: string;
  /** Whether only one thread of a process computes, keeping its shards on the device. */
  readonly single: boolean;
  /** Throws LoptError with the remedy if the engine cannot be used here. */
  device(): Promise<EngineDevice>;
  create(request: EngineRequest): Promise<Engine>;
}

/** What to make an engine for. */
export interface EngineRequest {
  architecture: ArchitectureConfig;
  problems: Problems;
  derivatives: Derivatives;
  /** No fused multiply-add: the same bits on any processor. */
  strict: boolean;
  /** Whether second derivatives are kept. */
  secondDerivatives: boolean;
  /** What engines of the same architecture in one thread share. @default nothing */
  kernels?: SharedKernels;
}

/** The problems' derivatives on typed arrays, made only for engines that use them. */
export interface Derivatives {
  gradient(): Promise<Gradient>;
  hessian(): Promise<HessianProduct>;
}

async function hostOptions(request: EngineRequest): Promise<KernelEngineOptions> {
  const { architecture, problems, derivatives, strict, secondDerivatives, kernels } = request;
  const hessian = secondDerivatives ? await derivatives.hessian() : undefined;
  return { architecture, problems, strict, gradient: await derivatives.gradient(), hessian, kernels };
}

/** The types of the architectures whose kernels are such. */
function typesWith(are: (kernels: UpdateRule['kernels']) => unknown): string[] {
  return [...RULES.values()].filter(({ kernels }) => are(kernels)).map(({ type }) => type);
}

function processor(): Promise<EngineDevice> {
  return Promise.resolve({ name: cpus()[0]?.model ?? process.arch, gpu: false });
}

const native: EngineEntry = {
  name: 'native',
  get backward() {
    return typesWith(({ goBackward }) => goBackward);
  },
  get architectures() {
    return typesWith((kernels) => kernels.native && kernels.wasm);
  },
  summary: 'kernel in C on the CPU, as wide as its registers are, an instance in every thread',
  single: false,
  async device() {
    const { name } = await processor();
    return { name: `${name}, ${loadNative().name}`, gpu: false };
  },
  // a run on it goes on where there is none: the bits are the same
  async create(request) {
    return nativeFault() === undefined ? createNativeEngine(await hostOptions(request)) : wasm.create(request);
  },
};

const wasm: EngineEntry = {
  name: 'wasm',
  get backward() {
    return typesWith(({ goBackward }) => goBackward);
  },
  get architectures() {
    return typesWith((kernels) => kernels.wasm);
  },
  summary: 'SIMD kernel in WebAssembly on the CPU, an instance in every thread',
  single: false,
  device: processor,
  async create(request) {
    return createWasmEngine(await hostOptions(request));
  },
};

const tensorflow: EngineEntry = {
  name: 'tensorflow',
  backward: true,
  summary: "TensorFlow's fused LSTM, on an NVIDIA GPU with CUDA 11, otherwise on the CPU",
  single: true,
  async device() {
    const { loadTensorflow } = await import('../devices/tensorflow/load.js');
    const { device, gpu } = await loadTensorflow();
    return { name: device, gpu };
  },
  async create({ architecture, problems, secondDerivatives }) {
    const { createTensorflowEngine } = await import('./tensor/tensorflow/tensorflow-engine.js');
    return createTensorflowEngine({ architecture, problems, secondDerivatives });
  },
};

const webgpu: EngineEntry = {
  name: 'webgpu',
  backward: true,
  summary: 'WGSL kernel on any GPU with a driver for Vulkan, Metal or Direct3D 12',
  single: true,
  async device() {
    const { loadWebGpu } = await import('../devices/webgpu/load.js');
    const { name, software } = await loadWebGpu();
    return { name, gpu: !software };
  },
  async create({ architecture, problems, secondDerivatives }) {
    const { createWebGpuEngine } = await import('./tensor/webgpu/webgpu-engine.js');
    return createWebGpuEngine({ architecture, problems, secondDerivatives });
  },
};

const reference: EngineEntry = {
  name: 'reference',
  backward: true,
  summary: 'plain TensorFlow.js operations and automatic differentiation: slow, for checking the others',
  single: false,
  device: processor,
  async create({ architecture, problems, secondDerivatives }) {
    const { createReferenceEngine } = await import('./tensor/reference-engine.js');
    return createReferenceEngine({ architecture, problems, secondDerivatives });
  },
};

/** Every engine by name. */
export const ENGINES: ReadonlyMap<string, EngineEntry> = new Map(
  [native, wasm, tensorflow, webgpu, reference].map((entry) => [entry.name, entry]),
);
