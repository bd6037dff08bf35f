/** The gradient of stationary problems: its operations are recorded once a shape and replayed at every step. */
import type * as tfjs from '@tensorflow/tfjs';
import { Arena } from '../../../devices/arena.js';
import { DeviceBuffers } from '../../../devices/webgpu/device-buffers.js';
import { Recent } from '../../../devices/webgpu/recent.js';
import { TensorBuffers } from '../../../devices/webgpu/tensor-buffers.js';
import { differentiate, type TensorSlopes } from '../../../problems/derivatives/tensor-gradient.js';
import type { Batch, Problems, Tf } from '../../../problems/problem.js';
import { stationaryBatch } from '../../../problems/stationary.js';
import type { TensorEngineOptions } from '../tensor-engine.js';
import { encodeDispatches, type Recording, record } from './recorder.js';

/** Options of the gradient. */
export interface RecordedGradientOptions {
  /** TensorFlow.js with its backend `webgpu` set, on the same device. */
  tf: Tf;
  device: GPUDevice;
  /** Must be stationary. */
  problems: Problems;
}

/** The buffers that a recording reads from and writes its results to. */
interface RecordedBuffers {
  theta: GPUBuffer;
  data: GPUBuffer | undefined;
  losses: GPUBuffer;
  gradient: GPUBuffer;
}

/** A recording of one shape, and the data that its constants were computed from. */
interface Shape extends Recording<RecordedBuffers> {
  buffers: DeviceBuffers;
  /** Identifies the data's tensor. */
  dataId?: object | undefined;
}

/** Most shapes that are kept: a run has one, and its evaluations another. */
const KEPT = 3;

/** Computes gradients without tfjs's bookkeeping, which takes the host longer than the operations take a GPU. */
export class RecordedGradient {
  readonly #tf: Tf;
  readonly #problems: Problems;
  readonly #tensors: TensorBuffers;
  readonly #buffers: DeviceBuffers;
  readonly #shapes: Recent<string, Shape>;

  constructor({ tf, device, problems }: RecordedGradientOptions) {
    this.#tf = tf;
    this.#problems = problems;
    this.#tensors = new TensorBuffers(tf);
    this.#buffers = new DeviceBuffers(device);
    this.#shapes = new Recent(KEPT, ({ buffers }) => {
      this.#tensors.submit();
      buffers.close();
    });
  }

  /** How many buffers are alive. */
  get bufferCount(): number {
    return this.#buffers.count;
  }

  /** f of every problem, and its gradient. The batch's data, if any, must be on the device. */
  compute(theta: tfjs.Tensor1D, batch: Batch): TensorSlopes {
    const shape = this.#shapeFor(theta.size, batch);
    const { constant, varying, result } = shape;
    const from = this.#tensors.of(theta);
    const data = batch.tensor && this.#tensors.of(batch.tensor);
    const losses = this.#tensors.create(batch.count);
    const gradient = this.#tensors.create(theta.size);
    this.#tensors.encode((encoder) => {
      if (shape.dataId !== batch.tensor?.dataId) {
        shape.dataId = batch.tensor?.dataId;
        encoder.copyBufferToBuffer(data!, 0, result.data!, 0, 4 * batch.tensor!.size);
        encodeDispatches(encoder, constant);
      }
      encoder.copyBufferToBuffer(from, 0, result.theta, 0, 4 * theta.size);
      encodeDispatches(encoder, varying);
      encoder.copyBufferToBuffer(result.losses, 0, losses.buffer, 0, 4 * batch.count);
      encoder.copyBufferToBuffer(result.gradient, 0, gradient.buffer, 0, 4 * theta.size);
    });
    return { losses: losses.tensor, gradient: gradient.tensor };
  }

  /** Destroys every buffer. */
  close(): void {
    this.#shapes.clear();
    this.#buffers.close();
  }

  #shapeFor(coordinates: number, batch: Batch): Shape {
    const { count, split, tensor } = batch;
    const key = [split, count, coordinates, tensor?.size].join();
    let shape = this.#shapes.get(key);
    if (!shape) {
      const buffers = new DeviceBuffers(this.#buffers.device, this.#buffers);
      try {
        const recording = record(this.#tf.backend(), buffers, (vary) => this.#run(coordinates, batch, vary));
        shape = { ...recording, buffers };
      } catch (error) {
        buffers.close();
        throw error;
      }
      this.#shapes.set(key, shape);
    }
    return shape;
  }

  /** Runs the operations once, on zeros. */
  #run(coordinates: number, batch: Batch, vary: (buffer: GPUBuffer) => void): RecordedBuffers {
    const { tensor } = batch;
    const arena = new Arena();
    try {
      const theta = this.#tensors.create(coordinates);
      arena.hold(theta.tensor);
      vary(theta.buffer);
      const data = tensor && this.#tensors.create(tensor.size);
      const shaped = data && arena.hold<tfjs.Tensor2D>(this.#tf.reshape(arena.hold(data.tensor), tensor.shape));
      const slopes = differentiate(this.#tf, this.#problems)(theta.tensor, stationaryBatch(batch, shaped), 0);
      const { losses, gradient } = slopes;
      arena.hold([losses, gradient]);
      return {
        theta: theta.buffer,
        data: data?.buffer,
        losses: this.#tensors.of(losses),
        gradient: this.#tensors.of(gradient),
      };
    } finally {
      arena.dispose();
    }
  }
}

/** The gradient of stationary problems as options of a tensor engine. */
export function recordedGradient(
  options: RecordedGradientOptions,
): Required<Pick<TensorEngineOptions, 'gradient' | 'resources'>> {
  const recorded = new RecordedGradient(options);
  return { gradient: (theta, batch) => recorded.compute(theta, batch), resources: [recorded] };
}
