/** The memory of a kernel, which it shares with JavaScript: arrays are byte offsets into it. */
import { LoptError } from '../../shared/errors.js';

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
