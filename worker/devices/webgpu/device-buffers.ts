/** GPU buffers that are counted and destroyed together. */

// the values of GPUBufferUsage, which is not a global in Node
export const USAGE = { mapRead: 0x1, copySource: 0x4, copyTarget: 0x8, uniform: 0x40, storage: 0x80 } as const;

/** Makes buffers on one device, and destroys them. */
export class DeviceBuffers {
  readonly device: GPUDevice;
  readonly #live = new Set<GPUBuffer>();
  readonly #uniforms = new Map<string, GPUBuffer>();
  readonly #parent: DeviceBuffers | undefined;
  readonly #children = new Set<DeviceBuffers>();

  /** @param parent counts and closes these buffers too */
  constructor(device: GPUDevice, parent?: DeviceBuffers) {
    this.device = device;
    this.#parent = parent;
    if (parent) parent.#children.add(this);
  }

  /** Live buffers, including those of children. */
  get count(): number {
    let count = this.#live.size;
    for (const child of this.#children) count += child.count;
    return count;
  }

  /** A buffer of zeros with these usages, of at least 16 bytes. */
  create(label: string, bytes: number, usage: number): GPUBuffer {
    const buffer = this.device.createBuffer({ label, size: Math.max(16, Math.ceil(bytes / 16) * 16), usage });
    this.#live.add(buffer);
    return buffer;
  }

  /** A buffer of zeros for shaders and copies, of at least 16 bytes. */
  storage(label: string, bytes: number): GPUBuffer {
    return this.create(label, bytes, USAGE.storage | USAGE.copySource | USAGE.copyTarget);
  }

  /** A buffer with these contents. */
  filled(label: string, data: Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>): GPUBuffer {
    const buffer = this.storage(label, data.byteLength);
    this.device.queue.writeBuffer(buffer, 0, data);
    return buffer;
  }

  /** A uniform block with these contents; equal contents share one buffer. */
  uniform(data: Uint32Array<ArrayBuffer>): GPUBuffer {
    const key = data.join();
    let buffer = this.#uniforms.get(key);
    if (!buffer) {
      buffer = this.create('parameters', data.byteLength, USAGE.uniform | USAGE.copyTarget);
      this.device.queue.writeBuffer(buffer, 0, data);
      this.#uniforms.set(key, buffer);
    }
    return buffer;
  }

  /** Destroys all buffers, including those of children. */
  close(): void {
    for (const child of [...this.#children]) child.close();
    for (const buffer of this.#live) buffer.destroy();
    this.#live.clear();
    this.#uniforms.clear();
    if (this.#parent) this.#parent.#children.delete(this);
  }
}

/** Reads numbers back; the commands that write them must have been submitted. */
export async function readFloats(device: GPUDevice, buffer: GPUBuffer, length: number): Promise<Float32Array> {
  const bytes = 4 * length;
  const copy = device.createBuffer({ size: Math.max(4, bytes), usage: USAGE.mapRead | USAGE.copyTarget });
  try {
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(buffer, 0, copy, 0, bytes);
    device.queue.submit([encoder.finish()]);
    await copy.mapAsync(USAGE.mapRead);
    return new Float32Array(copy.getMappedRange().slice(0));
  } finally {
    copy.destroy();
  }
}
