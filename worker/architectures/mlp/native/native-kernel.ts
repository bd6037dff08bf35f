/** The passes in C. */
import { KernelMemory } from '../../../devices/kernel-memory.js';
import { AttachedBuffer, FIRST } from '../../../devices/native/attached-buffer.js';
import { loadNative } from '../../../devices/native/load.js';
import type { TensorKernel, TensorPasses } from '../passes.js';

/** What binding.c adds to the addon. */
interface Binding {
  mlp(set: number, strict: number, ...units: number[]): TensorPasses & { attach(buffer: ArrayBuffer): void };
}

/** The passes for layers of so many units, padded. Throws LoptError with the remedy if there are none here. */
export function createNativePasses(units: readonly number[], strict: boolean): TensorKernel {
  const { addon, set } = loadNative<Binding>();
  const passes = addon.mlp(set, Number(strict), ...units);
  return { passes, memory: new KernelMemory(new AttachedBuffer(addon, passes), FIRST) };
}
