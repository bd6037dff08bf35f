/** A kernel's module in WebAssembly, with relaxed SIMD and without, in Node and in browsers. */
import { fromBase64 } from '../../shared/base64.js';
import { LoptError, messageOf } from '../../shared/errors.js';
import { nodeModule } from '../../shared/node-module.js';
import type { GrowingBuffer } from './kernel-memory.js';
import { type WasmMemory, webAssembly } from './web-assembly.js';

const PAGE = 65536;

/** A module's bytes in base64. Strict: without fused multiply-add, with the same bits on any processor. */
export interface ModuleBytes {
  readonly relaxed: string;
  readonly strict: string;
}

/** Compiled once a thread, at its first use. */
export class WasmModule {
  readonly #bytes: ModuleBytes;
  readonly #compiled = new Map<boolean, object>();

  constructor(bytes: ModuleBytes) {
    this.#bytes = bytes;
  }

  /** Whether relaxed SIMD, and so the module that is not strict, can be compiled here. */
  hasRelaxedSimd(): boolean {
    const { validate } = webAssembly();
    const bytes = fromBase64(this.#bytes.relaxed);
    if (validate(bytes)) return true;
    // Node 20 compiles it only under this flag
    nodeModule('node:v8')?.setFlagsFromString('--experimental-wasm-relaxed-simd');
    return validate(bytes);
  }

  /** The exports of a new instance. Throws LoptError if the module cannot be compiled. */
  instantiate<Exports>(strict: boolean): Exports {
    return new (webAssembly().Instance)(this.#compile(strict)).exports as Exports;
  }

  #compile(strict: boolean): object {
    let module = this.#compiled.get(strict);
    if (module) return module;
    const { Module } = webAssembly();
    if (!strict && !this.hasRelaxedSimd()) {
      throw new LoptError(
        'Cannot compile the kernel: WebAssembly must have relaxed SIMD here; the strict kernel does not need it',
      );
    }
    try {
      module = new Module(fromBase64(strict ? this.#bytes.strict : this.#bytes.relaxed));
    } catch (cause) {
      throw new LoptError(`Cannot compile the kernel: ${messageOf(cause)}`, { cause });
    }
    this.#compiled.set(strict, module);
    return module;
  }
}

/** A module's memory, which grows by pages. */
export function growing(memory: WasmMemory): GrowingBuffer {
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
