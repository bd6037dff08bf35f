/** Loads the compiled kernel and hands out its memory. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import v8 from 'node:v8';
import { inputSize, type Network } from '../../../shared/phi.js';
import { instantiate, type WasmMemory } from '../../wasm-file.js';

/** The exports of assembly/kernel.ts; pointers are byte offsets into `memory`. */
interface KernelExports {
  memory: WasmMemory;
  heapBase(): number;
  configure(logAndSign: number, outputScale: number): void;
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
}

const ALIGNMENT = 64;
const PAGE = 65536;

/** A kernel instance for one network, with a bump allocator over its memory. */
export class Kernel {
  readonly exports: KernelExports;
  /** Rows of the preprocessed gradient. */
  readonly inputRows: number;
  /** Rows of a block's state. */
  readonly stateRows: number;
  /** Rows of a block's record of one step. */
  readonly recordRows: number;
  /** sha256 of the compiled module. */
  readonly hash: string;
  #held: number;
  #top: number;

  constructor(network: Network, strict: boolean) {
    // Node 20 compiles relaxed SIMD only under this flag; later versions ignore it
    if (!strict) v8.setFlagsFromString('--experimental-wasm-relaxed-simd');
    const url = new URL(strict ? './kernel-strict.wasm' : './kernel.wasm', import.meta.url);
    this.exports = instantiate<KernelExports>(url);
    this.hash = createHash('sha256').update(readFileSync(url)).digest('hex');
    this.#top = this.exports.heapBase();

    this.exports.configure(network.preprocessing === 'log-and-sign' ? 1 : 0, network.outputScale);
    this.inputRows = inputSize(network);
    let below = this.inputRows;
    for (const units of network.layers) {
      this.exports.addLayer(units, this.allocate(this.exports.packBytes(below, units)));
      below = units;
    }
    this.exports.finish(this.allocate(4 * (below + 1)));
    this.stateRows = this.exports.getStateRows();
    this.recordRows = this.exports.getRecordRows();
    this.#held = this.#top;
  }

  /** Reserves memory for as long as `reset` is not called. The memory may move: take views after the last allocation. */
  allocate(bytes: number): number {
    const at = Math.ceil(this.#top / ALIGNMENT) * ALIGNMENT;
    this.#top = at + bytes;
    const missing = Math.ceil((this.#top - this.exports.memory.buffer.byteLength) / PAGE);
    if (missing > 0) this.exports.memory.grow(missing);
    return at;
  }

  /** Keeps what is allocated so far through every `reset`. */
  hold(): void {
    this.#held = this.#top;
  }

  /** Frees everything that is not held. */
  reset(): void {
    this.#top = this.#held;
  }

  floats(at: number, length: number): Float32Array {
    return new Float32Array(this.exports.memory.buffer, at, length);
  }
}
