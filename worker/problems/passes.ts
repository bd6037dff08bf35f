/** The passes of the image families' closed forms, in WebAssembly or in C, with the same bits. */
import { AttachedBuffer, FIRST } from '../devices/native/attached-buffer.js';
import { loadNative } from '../devices/native/load.js';
import { instantiate } from '../devices/wasm-file.js';
import type { WasmMemory } from '../devices/web-assembly.js';
import type { ClosedForms } from './problem.js';

/** What every module of passes has. */
interface Passes {
  memory: WasmMemory;
  /** Where free memory begins. */
  heapBase(): number;
}

/** In the order of native/binding.c. */
const FAMILIES = ['dense', 'conv'] as const;

/** What native/binding.c adds to the addon. */
interface Binding {
  problemPasses(set: number, family: number): object & { attach(buffer: ArrayBuffer): void };
}

const PAGE = 65_536;

/** A module with memory of its own. Throws LoptError with the remedy if there are no native kernels here. */
export function passesOf<Kernel extends Passes>(family: (typeof FAMILIES)[number], forms: ClosedForms): Kernel {
  if (forms === 'wasm') return instantiate<Kernel>(new URL(`./${family}.wasm`, import.meta.url));
  const { addon, set } = loadNative<Binding>();
  const passes = addon.problemPasses(set, FAMILIES.indexOf(family));
  const attached = new AttachedBuffer(addon, passes);
  const memory: WasmMemory = {
    get buffer() {
      return attached.buffer;
    },
    grow(pages) {
      const before = attached.buffer.byteLength / PAGE;
      if (pages > 0) attached.reserve(attached.buffer.byteLength + pages * PAGE);
      return before;
    },
  };
  return Object.assign(passes, { memory, heapBase: () => FIRST }) as unknown as Kernel;
}
