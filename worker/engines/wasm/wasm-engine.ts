/** The wasm engine: windows computed by an architecture's kernel in WebAssembly. */
import type { ArchitectureConfig } from '../../../shared/architectures/architecture.js';
import { LoptError } from '../../../shared/errors.js';
import type { HostKernelOptions } from '../../architectures/host-kernel.js';
import { ruleOf } from '../../architectures/registry.js';
import { HostEngine, type HostEngineOptions } from '../host/host-engine.js';

/** Options of the wasm engine. */
export interface WasmEngineOptions extends Omit<HostEngineOptions, 'name' | 'kernel'>, Partial<HostKernelOptions> {
  architecture: ArchitectureConfig;
}

/** Compiles the kernel and makes the engine. Throws LoptError if the architecture has none, or it cannot be compiled. */
export async function createWasmEngine(options: WasmEngineOptions): Promise<HostEngine> {
  const { architecture, strict = false, activationBudget, ...rest } = options;
  const { wasm } = ruleOf(architecture).kernels;
  if (!wasm) {
    throw new LoptError(
      `Cannot compute architecture "${architecture.type}" on engine wasm: the engine has no kernel for it`,
    );
  }
  return new HostEngine({ ...rest, name: 'wasm', kernel: await wasm(architecture, { strict, activationBudget }) });
}
