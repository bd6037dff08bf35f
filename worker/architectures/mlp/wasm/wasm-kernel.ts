/** The passes in WebAssembly, in Node and in browsers. */
import { KernelMemory } from '../../../devices/kernel-memory.js';
import { growing, WasmModule } from '../../../devices/wasm-module.js';
import type { WasmMemory } from '../../../devices/web-assembly.js';
import type { TensorKernel, TensorPasses } from '../passes.js';
import { RELAXED, STRICT } from './kernel-bytes.js';

/** The exports of assembly/kernel.ts. */
interface KernelExports extends TensorPasses {
  memory: WasmMemory;
  heapBase(): number;
  addLayer(units: number): void;
}

const module = new WasmModule({ relaxed: RELAXED, strict: STRICT });

/** Whether the passes that are not strict can be compiled here. */
export function hasRelaxedSimd(): boolean {
  return module.hasRelaxedSimd();
}

/** The passes for layers of so many units, padded. Throws LoptError if they cannot be compiled. */
export function createWasmPasses(units: readonly number[], strict: boolean): TensorKernel {
  const passes = module.instantiate<KernelExports>(strict);
  for (const width of units) passes.addLayer(width);
  return { passes, memory: new KernelMemory(growing(passes.memory), passes.heapBase()) };
}
