/** The kernel in C. */
import type { LstmConfig } from '../../../../shared/architectures/lstm.js';
import { KernelMemory } from '../../../devices/kernel-memory.js';
import { AttachedBuffer, FIRST } from '../../../devices/native/attached-buffer.js';
import { loadNative } from '../../../devices/native/load.js';
import {
  type BlockKernel,
  type BlockPasses,
  type BlockRows,
  INPUT_CODES,
  logAndSignNumbers,
} from '../blocks/kernel.js';

/** What binding.c makes for one network. */
interface NativeLstm extends BlockPasses, BlockRows {
  /** Makes this the memory that offsets are into. */
  attach(buffer: ArrayBuffer): void;
}

/** What binding.c adds to the addon. */
interface Binding {
  /** The numbers after `outputScale` are e^−p, 1/p and e^p, then the units of each layer. */
  lstm(set: number, strict: number, inputs: number, outputScale: number, ...numbers: number[]): NativeLstm;
}

/** A kernel for one network. Throws LoptError with the remedy if there is none here. */
export function createNativeKernel(network: LstmConfig, strict: boolean): BlockKernel {
  const { addon, set } = loadNative<Binding>();
  const { preprocessing, outputScale, layers } = network;
  const numbers = [...logAndSignNumbers(network), ...layers];
  const passes = addon.lstm(set, Number(strict), INPUT_CODES[preprocessing], outputScale, ...numbers);
  const memory = new KernelMemory(new AttachedBuffer(addon, passes), FIRST);
  const { inputRows, stateRows, recordRows, chunk } = passes;
  // so fast that what leaves the cache costs more than the forward pass
  return { passes, memory, activationBudget: 8 * 2 ** 20, inputRows, stateRows, recordRows, chunk };
}
