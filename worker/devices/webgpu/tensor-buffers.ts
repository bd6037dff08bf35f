/** The GPU buffers behind tensors of TensorFlow.js, and its commands. */
import type * as tfjs from '@tensorflow/tfjs';
import type { Tf } from '../../problems/problem.js';

/** As much of tfjs-backend-webgpu as is needed here. */
interface WebGpuBackend {
  readonly tensorMap: { get(id: object): { resource: GPUBuffer | null } };
  readonly commandQueueOwnedIds: WeakSet<object>;
  commandEncoder: GPUCommandEncoder | null;
  uploadToGPU(id: object): void;
  ensureCommandEncoderReady(): void;
  endComputePassEncoder(): void;
  submitQueue(): void;
  makeTensorInfo(shape: number[], dtype: 'float32'): tfjs.TensorInfo;
}

/**
 * Commands that are appended before they are submitted: the device works on them while the host comes to the next ones,
 * and has enough of them to go on with.
 */
const BATCH = 8;

/** Commands of our own in the order of those of TensorFlow.js. */
export class TensorBuffers {
  readonly #tf: Tf;
  readonly #backend: WebGpuBackend;
  #waiting = 0;

  /** @param tf with its backend `webgpu` set */
  constructor(tf: Tf) {
    this.#tf = tf;
    this.#backend = tf.backend() as unknown as WebGpuBackend;
  }

  /** The buffer of a tensor, on the device from now on. It is not given to others before the commands are submitted. */
  of(tensor: tfjs.Tensor): GPUBuffer {
    const id = tensor.dataId as object;
    this.#backend.uploadToGPU(id);
    this.#backend.commandQueueOwnedIds.add(id);
    return this.#backend.tensorMap.get(id).resource!;
  }

  /** A tensor with a buffer that commands are to fill. */
  create(length: number): { tensor: tfjs.Tensor1D; buffer: GPUBuffer } {
    const info = this.#backend.makeTensorInfo([length], 'float32');
    const tensor = this.#tf.engine().makeTensorFromTensorInfo(info) as tfjs.Tensor1D;
    return { tensor, buffer: this.of(tensor) };
  }

  /** Appends commands, which the next read, if nothing else, submits. */
  encode(append: (encoder: GPUCommandEncoder) => void): void {
    this.#backend.ensureCommandEncoderReady();
    this.#backend.endComputePassEncoder();
    append(this.#backend.commandEncoder!);
    this.#waiting += 1;
    if (this.#waiting >= BATCH) this.submit();
  }

  /** Submits what was appended: what is written to the queue by itself must not come before it. */
  submit(): void {
    this.#waiting = 0;
    this.#backend.endComputePassEncoder();
    if (this.#backend.commandEncoder) this.#backend.submitQueue();
  }
}
