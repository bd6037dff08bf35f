/** The LSTM on a WebGPU device: its shaders compiled for one network, and φ. */
import { createHash } from 'node:crypto';
import type { LstmConfig } from '../../../../shared/architectures/lstm.js';
import { phiLength } from '../../../../shared/phi.js';
import { DeviceBuffers } from '../../../devices/webgpu/device-buffers.js';
import { pipelineOf } from '../../../devices/webgpu/pipelines.js';
import { backwardShader } from './backward-shader.js';
import { forwardShader } from './forward-shader.js';
import { LstmWindow, type SharedResources } from './lstm-window.js';
import { type LstmPlan, type LstmVariant, packPhi, partialMap, planLstm } from './plan.js';
import { finiteShader, SUM_SHADER, zeroShader } from './small-shaders.js';

/** Options of the LSTM on a device. */
export interface WebGpuLstmOptions {
  device: GPUDevice;
  network: LstmConfig;
  variant?: LstmVariant;
  /**
   * The states of all steps of a window are kept if they fit in this many bytes; otherwise the backward pass replays
   * them in slices of coordinates, to the same bits. @default 2 GiB
   */
  stateBudget?: number;
  /** Most bytes of states in one buffer. @default what the device can bind */
  largestBuffer?: number;
}

/** Shaders, φ and the windows that use them; must not be used after `close`. */
export class WebGpuLstm {
  readonly plan: LstmPlan;
  readonly phiLength: number;
  /** In words, with a hash of the shaders: part of the fingerprint. */
  readonly description: string;
  readonly #buffers: DeviceBuffers;
  readonly #shared: SharedResources;
  readonly #stateBudget: number;
  readonly #largestBuffer: number;

  constructor({ device, network, variant, stateBudget = 2 ** 31, largestBuffer }: WebGpuLstmOptions) {
    const { maxStorageBufferBindingSize, maxBufferSize } = device.limits;
    this.#largestBuffer = largestBuffer ?? Math.min(maxStorageBufferBindingSize, maxBufferSize);
    this.plan = planLstm(network, device.limits, variant);
    this.phiLength = phiLength(network);
    this.#stateBudget = stateBudget;
    this.#buffers = new DeviceBuffers(device);
    const shaders = {
      forward: forwardShader(this.plan),
      backward: backwardShader(this.plan),
      sum: SUM_SHADER,
      zero: zeroShader(this.plan),
      finite: finiteShader(this.plan),
    };
    const hash = createHash('sha256').update(Object.values(shaders).join('')).digest('hex');
    this.description = `LSTM by WGSL kernel ${hash.slice(0, 12)}`;
    const pipeline = (label: keyof typeof shaders) => pipelineOf(device, `LSTM ${label}`, shaders[label]);
    const every = Uint32Array.from({ length: this.plan.partialLength }, (_, entry) => entry);
    this.#shared = {
      plan: this.plan,
      device,
      phiLength: this.phiLength,
      pipelines: {
        forward: pipeline('forward'),
        backward: pipeline('backward'),
        sum: pipeline('sum'),
        zero: pipeline('zero'),
        finite: pipeline('finite'),
      },
      weights: this.#buffers.storage('φ', 16 * this.plan.weightVectors),
      everyEntry: this.#buffers.filled('entries of a partial sum', every),
      phiEntries: this.#buffers.filled('entries of φ', partialMap(this.plan)),
    };
  }

  /** How many buffers are alive, including those of the windows. */
  get bufferCount(): number {
    return this.#buffers.count;
  }

  /** Sets φ, [phiLength], for the commands that are submitted from now on. */
  loadPhi(phi: Float32Array): void {
    this.#shared.device.queue.writeBuffer(this.#shared.weights, 0, packPhi(this.plan, phi));
  }

  /** Makes the buffers for windows of up to this many steps on this many coordinates. */
  createWindow(coordinates: number, steps: number): LstmWindow {
    return new LstmWindow({
      shared: this.#shared,
      buffers: new DeviceBuffers(this.#shared.device, this.#buffers),
      coordinates,
      steps,
      stateBudget: this.#stateBudget,
      largestBuffer: this.#largestBuffer,
    });
  }

  /** Destroys every buffer, including those of the windows. */
  close(): void {
    this.#buffers.close();
  }
}
