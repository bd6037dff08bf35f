/** Compiles the kernel and allocates its memory, in Node and in browsers. */

import { inputSize, type LstmConfig, type Preprocessing } from '../../../../shared/architectures/lstm.js';
import { fromBase64 } from '../../../../shared/base64.js';
import { LoptError, messageOf } from '../../../../shared/errors.js';
import { nodeModule } from '../../../../shared/node-module.js';
import { type WasmMemory, webAssembly } from '../../../devices/web-assembly.js';
import { RELAXED, STRICT } from './kernel-bytes.js';

/** The exports of assembly/kernel.ts; pointers are byte offsets into `memory`. */
interface KernelExports {
  memory: WasmMemory;
  heapBase(): number;
  configure(inputs: number, outputScale: number): void;
  packBytes(below: number, units: number): number;
  addLayer(units: number, pack: number): void;
  finish(pack: number): void;
  getStateRows(): number;
  getRecordRows(): number;
  loadPhi(phi: number): void;
  forwardBlock(gradient: number, state: number, record: number, updates: number, width: number): void;
  copyState(record: number, state: number, width: number): void;
  backwardBlock(
    records: number,
    steps: number,
    gradients: number,
    gradientStride: number,
    weights: number,
    extra: number,
    scratch: number,
    dphi: number,
    width: number,
  ): void;
  backwardStep(
    record: number,
    slope: number,
    carry: number,
    gradient: number,
    inputSlope: number,
    limit: number,
    scratch: number,
    width: number,
  ): void;
  weightGradients(records: number, steps: number, dphi: number, width: number): void;
  getChunk(): number;
}

/** The kernel's codes for the network's inputs. */
const INPUTS: Readonly<Record<Preprocessing, number>> = { none: 0, 'log-and-sign': 1, rnnprop: 2, both: 3 };

const ALIGNMENT = 64;
const PAGE = 65536;

const compiled = new Map<boolean, object>();

/** The module's bytes. Strict: without fused multiply-add, with the same bits on any processor. */
export function kernelBytes(strict: boolean): Uint8Array {
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

/** A kernel instance for one network, with a bump allocator over its memory. */
export class Kernel {
  readonly exports: KernelExports;
  /** Rows of the preprocessed gradient. */
  readonly inputRows: number;
  /** Rows of a block's state. */
  readonly stateRows: number;
  /** Rows of a block's record of one step. */
  readonly recordRows: number;
  /** Steps whose weight gradients are computed together. */
  readonly chunk: number;
  #held: number;
  #top: number;

  constructor(network: LstmConfig, strict: boolean) {
    this.exports = new (webAssembly().Instance)(compile(strict)).exports as KernelExports;
    this.#top = this.exports.heapBase();

    this.exports.configure(INPUTS[network.preprocessing], network.outputScale);
    this.inputRows = inputSize(network);
    let below = this.inputRows;
    for (const units of network.layers) {
      this.exports.addLayer(units, this.allocate(this.exports.packBytes(below, units)));
      below = units;
    }
    this.exports.finish(this.allocate(4 * (below + 1)));
    this.stateRows = this.exports.getStateRows();
    this.recordRows = this.exports.getRecordRows();
    this.chunk = this.exports.getChunk();
    this.#held = this.#top;
  }

  /** Reserves memory until the next `reset`. Memory may move: take views after the last allocation. */
  allocate(bytes: number): number {
    const at = Math.ceil(this.#top / ALIGNMENT) * ALIGNMENT;
    this.#top = at + bytes;
    const missing = Math.ceil((this.#top - this.exports.memory.buffer.byteLength) / PAGE);
    if (missing > 0) this.#grow(missing);
    return at;
  }

  /** Keeps what is allocated so far at every `reset`. */
  hold(): void {
    this.#held = this.#top;
  }

  /** Frees everything that is not held. */
  reset(): void {
    this.#top = this.#held;
  }

  #grow(pages: number): void {
    try {
      this.exports.memory.grow(pages);
    } catch (cause) {
      const size = `${Math.ceil(this.#top / 2 ** 20)} MiB`;
      throw new LoptError(
        `Cannot hold this many coordinates: the kernel's memory must be less than 4 GiB, got ${size}`,
        {
          cause,
        },
      );
    }
  }

  floats(at: number, length: number): Float32Array {
    return new Float32Array(this.exports.memory.buffer, at, length);
  }
}
