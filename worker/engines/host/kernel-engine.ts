/** The CPU engines: windows computed by an architecture's kernel, in C or in WebAssembly. */
import type { ArchitectureConfig } from '../../../shared/architectures/architecture.js';
import { LoptError } from '../../../shared/errors.js';
import type { HostKernelOptions } from '../../architectures/host-kernel.js';
import { ruleOf } from '../../architectures/registry.js';
import { HostEngine, type HostEngineOptions } from './host-engine.js';

/** Options of a CPU engine. */
export interface KernelEngineOptions extends Omit<HostEngineOptions, 'name' | 'kernel'>, Partial<HostKernelOptions> {
  architecture: ArchitectureConfig;
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
  const { architecture, strict = false, activationBudget, ...rest } = options;
  const { [name]: kernelOf } = ruleOf(architecture).kernels;
  if (!kernelOf) {
    throw new LoptError(
      `Cannot compute architecture "${architecture.type}" on engine ${name}: the engine has no kernel for it`,
    );
  }
  return new HostEngine({ ...rest, name, kernel: await kernelOf(architecture, { strict, activationBudget }) });
}
