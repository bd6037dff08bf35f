/** Compiles the kernel in WebAssembly, in Node and in browsers. */

import { inputSize, type LstmConfig } from '../../../../shared/architectures/lstm.js';
import { KernelMemory } from '../../../devices/kernel-memory.js';
import { growing, WasmModule } from '../../../devices/wasm-module.js';
import type { WasmMemory } from '../../../devices/web-assembly.js';
import { type BlockKernel, type BlockPasses, INPUT_CODES, logAndSignNumbers } from '../blocks/kernel.js';
import { RELAXED, STRICT } from './kernel-bytes.js';

/** The exports of assembly/kernel.ts; pointers are byte offsets into `memory`. */
interface KernelExports extends BlockPasses {
  memory: WasmMemory;
  heapBase(): number;
  configure(inputs: number, outputScale: number, threshold: number, inverseP: number, expP: number): void;
  packBytes(below: number, units: number): number;
  addLayer(units: number, pack: number): void;
  finish(pack: number): void;
  getStateRows(): number;
  getRecordRows(): number;
  getChunk(): number;
}

const module = new WasmModule({ relaxed: RELAXED, strict: STRICT });

/** Whether relaxed SIMD, and so the non-strict kernel, can be compiled here. */
export function hasRelaxedSimd(): boolean {
  return module.hasRelaxedSimd();
}

/** A kernel instance for one network. Throws LoptError if it cannot be compiled. */
export function createWasmKernel(network: LstmConfig, strict: boolean): BlockKernel {
  const passes = module.instantiate<KernelExports>(strict);
  const memory = new KernelMemory(growing(passes.memory), passes.heapBase());
  passes.configure(INPUT_CODES[network.preprocessing], network.outputScale, ...logAndSignNumbers(network));
  const inputRows = inputSize(network);
  let below = inputRows;
  for (const units of network.layers) {
    passes.addLayer(units, memory.allocate(passes.packBytes(below, units)));
    below = units;
  }
  passes.finish(memory.allocate(4 * (below + 1)));
  memory.hold();
  return {
    passes,
    memory,
    activationBudget: 32 * 2 ** 20,
    inputRows,
    stateRows: passes.getStateRows(),
    recordRows: passes.getRecordRows(),
    chunk: passes.getChunk(),
  };
}
