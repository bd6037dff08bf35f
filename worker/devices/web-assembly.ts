/** The global WebAssembly, as far as it is used: TypeScript ships its types only with those of the browser. */
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

/** WebAssembly; throws LoptError where the machine runs without a compiler. */
export function webAssembly(): WebAssemblyApi {
  const { WebAssembly } = globalThis as { WebAssembly?: WebAssemblyApi };
  if (!WebAssembly) throw new LoptError('Cannot load the kernel: WebAssembly must be there, and is not');
  return WebAssembly;
}
