/** The GPU buffers behind TensorFlow.js's tensors, and its command queue. */
import type * as tfjs from '@tensorflow/tfjs';
import type { Tf } from '../backend.js';

/** The part of tfjs-backend-webgpu that is used here. */
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
 * Commands are submitted in batches of this size, which keeps the device busy while the host prepares the next ones.
 */
const BATCH = 8;

/** Interleaves our own commands with those of TensorFlow.js, in order. */
export class TensorBuffers {
  readonly #tf: Tf;
  readonly #backend: WebGpuBackend;
  #waiting = 0;

  /** @param tf with its backend `webgpu` set */
  constructor(tf: Tf) {
    this.#tf = tf;
    this.#backend = tf.backend() as unknown as WebGpuBackend;
  }

  /** The buffer of a tensor, uploaded if necessary. It is not reused before the commands are submitted. */
  of(tensor: tfjs.Tensor): GPUBuffer {
    const id = tensor.dataId as object;
    this.#backend.uploadToGPU(id);
    this.#backend.commandQueueOwnedIds.add(id);
    return this.#backend.tensorMap.get(id).resource!;
  }

  /** A tensor with a buffer for commands to fill. */
  create(length: number): { tensor: tfjs.Tensor1D; buffer: GPUBuffer } {
    const info = this.#backend.makeTensorInfo([length], 'float32');
    const tensor = this.#tf.engine().makeTensorFromTensorInfo(info) as tfjs.Tensor1D;
    return { tensor, buffer: this.of(tensor) };
  }

  /** Appends commands; the next read submits them at the latest. */
  encode(append: (encoder: GPUCommandEncoder) => void): void {
    this.#backend.ensureCommandEncoderReady();
    this.#backend.endComputePassEncoder();
    append(this.#backend.commandEncoder!);
    this.#waiting += 1;
    if (this.#waiting >= BATCH) this.submit();
  }

  /** Submits the appended commands, which direct writes to the queue would otherwise overtake. */
  submit(): void {
    this.#waiting = 0;
    this.#backend.endComputePassEncoder();
    if (this.#backend.commandEncoder) this.#backend.submitQueue();
  }
}
