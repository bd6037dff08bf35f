/** The CPU engines: windows computed by an architecture's kernel, in C or in WebAssembly. */
import type { ArchitectureConfig } from '../../../shared/architectures/architecture.js';
import { LoptError } from '../../../shared/errors.js';
import type { HostKernel, HostKernelOptions } from '../../architectures/host-kernel.js';
import { ruleOf } from '../../architectures/registry.js';
import { HostEngine, type HostEngineOptions } from './host-engine.js';

/**
 * The kernels of engines of one architecture in one thread, by the engines' name. A call of an engine uses its kernel from
 * beginning to end, so that engines for different problems can have one, with its memory.
 */
export type SharedKernels = Map<string, Promise<HostKernel>>;

/** Options of a CPU engine. */
export interface KernelEngineOptions extends Omit<HostEngineOptions, 'name' | 'kernel'>, Partial<HostKernelOptions> {
  architecture: ArchitectureConfig;
  /** Where the kernel is taken from, or put for others. @default the engine has one of its own */
  kernels?: SharedKernels | undefined;
}

/** Makes the wasm engine. Throws LoptError if the architecture has no kernel for it, or it cannot be compiled. */
export function createWasmEngine(options: KernelEngineOptions): Promise<HostEngine> {
  return create('wasm', options);
}

/** Makes the native engine. Throws LoptError if the architecture has no kernel for it, or it is not to be had here. */
export function createNativeEngine(options: KernelEngineOptions): Promise<HostEngine> {
  return create('native', options);
}

async function create(name: 'wasm' | 'native', options: KernelEngineOptions): Promise<HostEngine> {
  const { architecture, strict = false, activationBudget, kernels = new Map(), ...rest } = options;
  const { [name]: kernelOf } = ruleOf(architecture).kernels;
  if (!kernelOf) {
    throw new LoptError(
      `Cannot compute architecture "${architecture.type}" on engine ${name}: the engine has no kernel for it`,
    );
  }
  const kernel = kernels.get(name) ?? kernelOf(architecture, { strict, activationBudget });
  kernels.set(name, kernel);
  return new HostEngine({ ...rest, name, kernel: await kernel });
}
