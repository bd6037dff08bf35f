/** Loads a WebAssembly file that lies beside the compiled code. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { FileError, messageOf } from '../shared/errors.js';

/** What is used of the global WebAssembly, whose types TypeScript ships only with those of the browser. */
interface WebAssemblyApi {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { exports: object };
}

/** A module's linear memory. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

const { Module, Instance } = (globalThis as unknown as { WebAssembly: WebAssemblyApi }).WebAssembly;
const modules = new Map<string, object>();

/** A new instance of the file, which must not import anything; compiled once a thread. `T` names its exports. */
export function instantiate<T extends object>(url: URL): T {
  let module = modules.get(url.href);
  if (!module) {
    module = compile(fileURLToPath(url));
    modules.set(url.href, module);
  }
  return new Instance(module).exports as T;
}

function compile(path: string): object {
  try {
    return new Module(readFileSync(path));
  } catch (cause) {
    throw new FileError(path, `Cannot load ${path}, which "npm run build" makes: ${messageOf(cause)}`, { cause });
  }
}
