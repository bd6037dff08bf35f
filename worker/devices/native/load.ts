/** Loads the native kernels, if they are built and this processor has one of their instruction sets. */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { LoptError, messageOf } from '../../../shared/errors.js';

/** Instruction sets in the addon's order, and what they are called. */
const INSTRUCTION_SETS = { avx512: 'AVX-512', avx2: 'AVX2', neon: 'NEON' } as const;

export type InstructionSet = keyof typeof INSTRUCTION_SETS;

/** Memory for kernels. */
export interface NativeMemory {
  /** Zeros from a multiple of 64 on. Throws RangeError if there is not enough memory. */
  allocate(bytes: number): ArrayBuffer;
}

/** What addon.c exports. */
interface NativeAddon extends NativeMemory {
  /** Floating-point operations done, in `iterations` of a loop of independent multiply-adds. */
  peak(iterations: number): number;
  /** Those that the processor has, the fastest first. */
  instructionSets(): InstructionSet[];
}

/** The addon, and the instruction set to compute with. */
export interface LoadedNative<Binding> {
  addon: NativeMemory & Binding;
  /** Its number in the addon. */
  set: number;
  /** In words. */
  name: string;
}

/** 0 switches the native kernels off; the name of an instruction set forces it. */
const VARIABLE = 'LOPT_NATIVE';

const START = 'Cannot use engine "native":';

let loaded: NativeAddon | undefined;

/**
 * The native kernels. Throws LoptError with the remedy if there are none here. `Binding` is what the caller's own binding.c
 * adds to the addon.
 */
export function loadNative<Binding = unknown>(): LoadedNative<Binding> {
  const wish = process.env[VARIABLE] ?? '';
  if (wish === '0') throw new LoptError(`${START} ${VARIABLE}=0 switches it off; unset it to use the native kernels`);
  loaded ??= load();
  const found = loaded.instructionSets();
  const chosen = wish === '' ? found[0] : found.find((set) => set === wish);
  if (chosen) {
    const addon = loaded as NativeAddon & Binding;
    return { addon, set: Object.keys(INSTRUCTION_SETS).indexOf(chosen), name: INSTRUCTION_SETS[chosen] };
  }
  if (found.length === 0) {
    throw new LoptError(
      `${START} the processor must have AVX2 and FMA, or NEON; the wasm engine computes the same bits`,
    );
  }
  throw new LoptError(`${START} ${VARIABLE} must be 0 or one of ${found.join(', ')} on this processor, got "${wish}"`);
}

/** The instruction sets that can be forced here, the fastest first. Throws LoptError as `loadNative` does. */
export function instructionSets(): InstructionSet[] {
  loadNative();
  return loaded!.instructionSets();
}

/**
 * Floating-point operations a second of this thread at most: those of a loop of independent multiply-adds on its widest
 * registers, measured for `seconds`. Throws LoptError as `loadNative` does.
 */
export function measurePeak(seconds: number): number {
  loadNative();
  const iterations = 1e6;
  const start = performance.now();
  let operations = 0;
  while (performance.now() - start < 1000 * seconds) operations += loaded!.peak(iterations);
  return (1000 * operations) / (performance.now() - start);
}

/** Why the native kernels cannot be used here, with the remedy; undefined if they can. */
export function nativeFault(): string | undefined {
  try {
    loadNative();
    return undefined;
  } catch (error) {
    if (error instanceof LoptError) return error.message;
    throw error;
  }
}

function load(): NativeAddon {
  const require = createRequire(import.meta.url);
  try {
    const gypBuild = require('node-gyp-build') as (folder: string) => unknown;
    return gypBuild(fileURLToPath(new URL('.', import.meta.url))) as NativeAddon;
  } catch (cause) {
    const where = `${process.platform}-${process.arch}`;
    const remedy = 'in a clone "npm run build:native" builds it, with a C compiler (cc, gcc or clang)';
    const reason = isMissing(cause) ? `it must be built for ${where}, and is not` : messageOf(cause).split('\n')[0];
    throw new LoptError(`${START} ${reason}; ${remedy}; the wasm engine computes the same bits`, { cause });
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('No native build was found');
}
