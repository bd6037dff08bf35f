/** The memory of a native kernel. */
import type { NativeMemory } from './load.js';

/** Where free memory begins: offset 0 means "none". */
export const FIRST = 64;

/** A native kernel that is told of its memory. */
interface Attaching {
  /** Makes this the memory that offsets are into. */
  attach(buffer: ArrayBuffer): void;
}

/** A buffer that grows; the kernel always has the one that there is. */
export class AttachedBuffer {
  readonly #addon: NativeMemory;
  readonly #kernel: Attaching;
  readonly most = 'what is free';
  buffer: ArrayBuffer;

  constructor(addon: NativeMemory, kernel: Attaching) {
    this.#addon = addon;
    this.#kernel = kernel;
    this.buffer = addon.allocate(FIRST);
    kernel.attach(this.buffer);
  }

  /** Makes it at least this long, zeros at its end. */
  reserve(bytes: number): void {
    // more than is asked for: a layout is many allocations
    const grown = this.#addon.allocate(Math.max(bytes, 1.5 * this.buffer.byteLength));
    new Uint8Array(grown).set(new Uint8Array(this.buffer));
    this.buffer = grown;
    this.#kernel.attach(grown);
  }
}
