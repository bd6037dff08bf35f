/** Compiles the kernel in WebAssembly, in Node and in browsers. */

import { inputSize, type LstmConfig } from '../../../../shared/architectures/lstm.js';
import { fromBase64 } from '../../../../shared/base64.js';
import { LoptError, messageOf } from '../../../../shared/errors.js';
import { nodeModule } from '../../../../shared/node-module.js';
import { type WasmMemory, webAssembly } from '../../../devices/web-assembly.js';
import { type BlockKernel, type BlockPasses, INPUT_CODES, KernelMemory } from '../blocks/kernel.js';
import { RELAXED, STRICT } from './kernel-bytes.js';

/** The exports of assembly/kernel.ts; pointers are byte offsets into `memory`. */
interface KernelExports extends BlockPasses {
  memory: WasmMemory;
  heapBase(): number;
  configure(inputs: number, outputScale: number): void;
  packBytes(below: number, units: number): number;
  addLayer(units: number, pack: number): void;
  finish(pack: number): void;
  getStateRows(): number;
  getRecordRows(): number;
  getChunk(): number;
}

const PAGE = 65536;

const compiled = new Map<boolean, object>();

/** The module's bytes. Strict: without fused multiply-add, with the same bits on any processor. */
function kernelBytes(strict: boolean): Uint8Array {
  return fromBase64(strict ? STRICT : RELAXED);
}

/** Whether relaxed SIMD, and so the non-strict kernel, can be compiled here. */
export function hasRelaxedSimd(): boolean {
  const { validate } = webAssembly();
  const bytes = kernelBytes(false);
  if (validate(bytes)) return true;
  // Node 20 compiles it only under this flag
  nodeModule('node:v8')?.setFlagsFromString('--experimental-wasm-relaxed-simd');
  return validate(bytes);
}

/** The module, compiled once a thread; throws LoptError if that fails. */
function compile(strict: boolean): object {
  let module = compiled.get(strict);
  if (module) return module;
  const { Module } = webAssembly();
  if (!strict && !hasRelaxedSimd()) {
    throw new LoptError(
      'Cannot compile the kernel: WebAssembly must have relaxed SIMD here; the strict kernel does not need it',
    );
  }
  try {
    module = new Module(kernelBytes(strict));
  } catch (cause) {
    throw new LoptError(`Cannot compile the kernel: ${messageOf(cause)}`, { cause });
  }
  compiled.set(strict, module);
  return module;
}

/** A kernel instance for one network. Throws LoptError if it cannot be compiled. */
export function createWasmKernel(network: LstmConfig, strict: boolean): BlockKernel {
  const passes = new (webAssembly().Instance)(compile(strict)).exports as KernelExports;
  const memory = new KernelMemory(growing(passes.memory), passes.heapBase());
  passes.configure(INPUT_CODES[network.preprocessing], network.outputScale);
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

function growing(memory: WasmMemory) {
  return {
    get buffer() {
      return memory.buffer;
    },
    most: '4 GiB',
    reserve(bytes: number) {
      memory.grow(Math.ceil((bytes - memory.buffer.byteLength) / PAGE));
    },
  };
}
