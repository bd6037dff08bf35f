/** Loads a WebAssembly file that lies beside the compiled code. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { FileError, messageOf } from '../../shared/errors.js';
import { webAssembly } from './web-assembly.js';

const modules = new Map<string, object>();

/** Instantiates a file that imports nothing, compiling it once a thread. `T` is the type of its exports. */
export function instantiate<T extends object>(url: URL): T {
  const { Instance } = webAssembly();
  let module = modules.get(url.href);
  if (!module) {
    module = compile(fileURLToPath(url));
    modules.set(url.href, module);
  }
  return new Instance(module).exports as T;
}

function compile(path: string): object {
  try {
    return new (webAssembly().Module)(readFileSync(path));
  } catch (cause) {
    throw new FileError(path, `Cannot load ${path}, which "npm run build" makes: ${messageOf(cause)}`, { cause });
  }
}
