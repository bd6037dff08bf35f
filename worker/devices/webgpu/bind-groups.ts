/** Caches bind groups by pipeline and buffers: making one takes longer than dispatching it. */

/** Most bind groups that are kept: enough for the windows of several shards, whose buffers recur. */
const MOST = 512;

export class BindGroups {
  readonly #device: GPUDevice;
  readonly #groups = new Map<GPUComputePipeline, Map<string, GPUBindGroup>>();
  readonly #numbers = new WeakMap<GPUBuffer, number>();
  #next = 0;
  #count = 0;

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** The buffers as bindings 0, 1, 2, … of group 0. */
  of(pipeline: GPUComputePipeline, buffers: readonly GPUBuffer[]): GPUBindGroup {
    const key = buffers.map((buffer) => this.#numberOf(buffer)).join();
    let group = this.#groups.get(pipeline)?.get(key);
    if (!group) {
      const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
      group = this.#device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
      this.#keep(pipeline, key, group);
    }
    return group;
  }

  clear(): void {
    this.#groups.clear();
    this.#count = 0;
  }

  #keep(pipeline: GPUComputePipeline, key: string, group: GPUBindGroup): void {
    if (this.#count === MOST) this.clear();
    const own = this.#groups.get(pipeline) ?? new Map<string, GPUBindGroup>();
    this.#groups.set(pipeline, own.set(key, group));
    this.#count += 1;
  }

  #numberOf(buffer: GPUBuffer): number {
    let number = this.#numbers.get(buffer);
    if (number === undefined) {
      number = this.#next;
      this.#next += 1;
      this.#numbers.set(buffer, number);
    }
    return number;
  }
}
