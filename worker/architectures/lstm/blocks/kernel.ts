/** The interface of the LSTM's kernels on blocks of coordinates, and their memory. */
import type { Preprocessing } from '../../../../shared/architectures/lstm.js';
import { LoptError } from '../../../../shared/errors.js';

/** The kernels' codes for the network's inputs. */
export const INPUT_CODES: Readonly<Record<Preprocessing, number>> = { none: 0, 'log-and-sign': 1, rnnprop: 2, both: 3 };

/** The passes of one block; arrays are byte offsets into the kernel's memory, wasm/assembly/ says what they hold. */
export interface BlockPasses {
  loadPhi(phi: number): void;
  forwardBlock(gradient: number, state: number, record: number, updates: number, width: number): void;
  /** Copies the state rows of a record to `state`. */
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
  backwardStep(
    record: number,
    slope: number,
    carry: number,
    gradient: number,
    inputSlope: number,
    limit: number,
    scratch: number,
    width: number,
  ): void;
  weightGradients(records: number, steps: number, dphi: number, width: number): void;
}

/** The rows of a block, [width] each. */
export interface BlockRows {
  /** Rows of the preprocessed gradient. */
  readonly inputRows: number;
  /** Rows of a block's state. */
  readonly stateRows: number;
  /** Rows of a block's record of one step. */
  readonly recordRows: number;
  /** Steps whose weight gradients are computed together. */
  readonly chunk: number;
}

/** Memory that grows; it may move when it does. */
export interface GrowingBuffer {
  readonly buffer: ArrayBuffer;
  /** The most that it can have, in words. */
  readonly most: string;
  /** Makes it at least this long, zeros at its end. Throws if it cannot. */
  reserve(bytes: number): void;
}

const ALIGNMENT = 64;

/** A bump allocator. */
export class KernelMemory {
  readonly #memory: GrowingBuffer;
  #held: number;
  #top: number;

  /** @param start bytes at its beginning that are not to be used */
  constructor(memory: GrowingBuffer, start: number) {
    this.#memory = memory;
    this.#top = start;
    this.#held = start;
  }

  /** Reserves memory until the next `reset`. Memory may move: take views after the last allocation. */
  allocate(bytes: number): number {
    const at = Math.ceil(this.#top / ALIGNMENT) * ALIGNMENT;
    this.#top = at + bytes;
    if (this.#top > this.#memory.buffer.byteLength) this.#reserve();
    return at;
  }

  #reserve(): void {
    try {
      this.#memory.reserve(this.#top);
    } catch (cause) {
      const size = `${Math.ceil(this.#top / 2 ** 20)} MiB`;
      throw new LoptError(
        `Cannot hold this many coordinates: the kernel's memory must be less than ${this.#memory.most}, got ${size}`,
        { cause },
      );
    }
  }

  /** Keeps what is allocated so far at every `reset`. */
  hold(): void {
    this.#held = this.#top;
  }

  /** Frees everything that is not held. */
  reset(): void {
    this.#top = this.#held;
  }

  floats(at: number, length: number): Float32Array {
    return new Float32Array(this.#memory.buffer, at, length);
  }
}

/** A kernel for one network. */
export interface BlockKernel extends BlockRows {
  readonly passes: BlockPasses;
  readonly memory: KernelMemory;
  /** Bytes of activations up to which it is faster to keep them than to compute them again. */
  readonly activationBudget: number;
}

/**
 * The arithmetic of these kernels: another number whenever any of them computes other bits, and then all of them do.
 * With the same number and strictness they compute the same bits wherever multiply-adds are fused.
 */
const ARITHMETIC = 1;

/** The arithmetic in words, for a fingerprint: what computes it does not matter. */
export function arithmeticOf(strict: boolean): string {
  return `LSTM in blocks, arithmetic ${ARITHMETIC} (${strict ? 'strict' : 'fused'})`;
}
