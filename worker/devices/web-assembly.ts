/** Types for the part of WebAssembly that is used: TypeScript ships them only with the browser's. */
import { LoptError } from '../../shared/errors.js';

/** A module's linear memory. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

interface WebAssemblyApi {
  validate(bytes: Uint8Array): boolean;
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { exports: object };
}

/** The global WebAssembly. Throws LoptError if there is none, as in a runtime without a compiler. */
export function webAssembly(): WebAssemblyApi {
  const { WebAssembly } = globalThis as { WebAssembly?: WebAssemblyApi };
  if (!WebAssembly) throw new LoptError('Cannot load the kernel: WebAssembly must be available, and is not');
  return WebAssembly;
}
