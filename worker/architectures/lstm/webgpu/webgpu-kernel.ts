/** The LSTM by our WGSL shaders, on TensorFlow.js's tensors. */
import type * as tfjs from '@tensorflow/tfjs';
import { Recent } from '../../../devices/webgpu/recent.js';
import { TensorBuffers } from '../../../devices/webgpu/tensor-buffers.js';
import type { Tf } from '../../../problems/problem.js';
import { type CoordinateLayout, coordinatesIn } from '../../layout.js';
import type { PassageOptions, TensorKernel, TensorPassage, TensorState, WindowSignal } from '../../tensor-kernel.js';
import type { LstmWindow } from './lstm-window.js';
import { tilesOf } from './plan.js';
import { WebGpuLstm, type WebGpuLstmOptions } from './webgpu-lstm.js';

/** Options of the kernel. */
export interface WebGpuKernelOptions extends WebGpuLstmOptions {
  /** TensorFlow.js with its backend `webgpu` set, on the same device. */
  tf: Tf;
}

/** Steps between two copies of the state in a passage without a backward pass. */
const FORWARD_STEPS = 16;

/** Most shapes whose buffers are kept: a run has one or two, and its evaluations another. */
const KEPT = 3;

/** A kernel whose state is one tensor, as the shaders read it (`packState`). */
export class WebGpuKernel implements TensorKernel {
  readonly description: string;
  readonly lstm: WebGpuLstm;
  readonly #tf: Tf;
  readonly #buffers: TensorBuffers;
  /** By the number of coordinates. */
  readonly #windows: Recent<number, LstmWindow>;

  constructor({ tf, ...options }: WebGpuKernelOptions) {
    this.#tf = tf;
    this.#buffers = new TensorBuffers(tf);
    this.lstm = new WebGpuLstm(options);
    this.description = this.lstm.description;
    this.#windows = new Recent(KEPT, (window) => {
      this.#buffers.submit();
      window.close();
    });
  }

  loadPhi(phi: Float32Array): void {
    this.#buffers.submit();
    this.lstm.loadPhi(phi);
  }

  zeroState(layout: CoordinateLayout): TensorState {
    const { tensor, buffer } = this.#buffers.create(this.stateLength(layout));
    this.#buffers.encode((encoder) => encoder.clearBuffer(buffer));
    return [tensor];
  }

  stateLength(layout: CoordinateLayout): number {
    const { plan } = this.lstm;
    return tilesOf(plan, coordinatesIn(layout)) * plan.stateRows * plan.tile;
  }

  upload(hidden: Float32Array): TensorState {
    // a tensor keeps the array that it is made from, and the caller may write to that array
    return [this.#tf.tensor1d(hidden.slice())];
  }

  async download([state]: TensorState): Promise<Float32Array> {
    return new Float32Array(await state!.data<'float32'>());
  }

  begin(state: TensorState, options: PassageOptions): TensorPassage {
    return new Passage(this.#tf, this.#buffers, this.lstm.phiLength, state[0]!, (coordinates) =>
      this.#windowFor(coordinates, options),
    );
  }

  close(): void {
    this.#windows.clear();
    this.#buffers.submit();
    this.lstm.close();
  }

  #windowFor(coordinates: number, { steps, backward }: PassageOptions): LstmWindow {
    const known = this.#windows.get(coordinates);
    if (known && (!backward || known.steps >= steps)) return known;
    // dropped before the new one is made, since windows are large
    this.#windows.delete(coordinates);
    const window = this.lstm.createWindow(coordinates, backward ? steps : Math.min(steps, FORWARD_STEPS));
    this.#windows.set(coordinates, window);
    return window;
  }
}

class Passage implements TensorPassage {
  readonly #tf: Tf;
  readonly #buffers: TensorBuffers;
  readonly #phiLength: number;
  readonly #initial: tfjs.Tensor;
  readonly #windowFor: (coordinates: number) => LstmWindow;
  #window: LstmWindow | undefined;
  /** Buffers of the window: the current θ, and the next. */
  #points: readonly [GPUBuffer, GPUBuffer] | undefined;
  /** The tensor with the current θ. */
  #reached: tfjs.Tensor | undefined;
  /** Steps done since the state was last set. */
  #step = 0;
  /** Whether the state was set again within the passage. */
  #again = false;

  constructor(
    tf: Tf,
    buffers: TensorBuffers,
    phiLength: number,
    initial: tfjs.Tensor,
    windowFor: (coordinates: number) => LstmWindow,
  ) {
    this.#tf = tf;
    this.#buffers = buffers;
    this.#phiLength = phiLength;
    this.#initial = initial;
    this.#windowFor = windowFor;
  }

  step(gradient: tfjs.Tensor1D, theta: tfjs.Tensor1D): tfjs.Tensor1D {
    const window = this.#windowOf(gradient.size);
    if (this.#step === window.steps) this.#startAgain(window);
    const [slopes, point] = [this.#buffers.of(gradient), this.#buffers.of(theta)];
    const { tensor, buffer } = this.#buffers.create(gradient.size);
    const bytes = 4 * gradient.size;
    const [from, to] = this.#points!;
    this.#buffers.encode((encoder) => {
      window.setGradient(encoder, this.#step, slopes);
      if (theta !== this.#reached) encoder.copyBufferToBuffer(point, 0, from, 0, bytes);
      window.forward(encoder, this.#step, to, from);
      encoder.copyBufferToBuffer(to, 0, buffer, 0, bytes);
    });
    this.#points = [to, from];
    this.#reached = tensor;
    this.#step += 1;
    return tensor;
  }

  health(losses: readonly tfjs.Tensor1D[], last: tfjs.Tensor1D): tfjs.Tensor1D | undefined {
    if (this.#again) return undefined;
    const window = this.#windowOf(last.size);
    const count = losses[0]!.size;
    const flags = losses.length * count;
    const slopes = this.#buffers.of(last);
    const rows = losses.map((row) => this.#buffers.of(row));
    const { tensor, buffer } = this.#buffers.create(flags + count);
    this.#buffers.encode((encoder) => {
      rows.forEach((row, s) => {
        encoder.copyBufferToBuffer(row, 0, buffer, 4 * s * count, 4 * count);
      });
      encoder.clearBuffer(buffer, 4 * flags, 4 * count);
      window.setGradient(encoder, this.#step, slopes);
      window.flagProblems(encoder, this.#step, last.size / count, buffer, flags);
    });
    return tensor;
  }

  metaGradient({ last, lossWeights, updateGradient, healthy }: WindowSignal): tfjs.Tensor1D {
    const window = this.#windowOf(last.size);
    const steps = this.#step;
    this.#buffers.submit();
    window.setLossWeights(lossWeights);
    const slopes = this.#buffers.of(last);
    const extra = updateGradient.map((row) => this.#buffers.of(row));
    const { tensor, buffer } = this.#buffers.create(this.#phiLength);
    this.#buffers.encode((encoder) => {
      window.setGradient(encoder, steps, slopes);
      extra.forEach((row, s) => {
        window.setExtra(encoder, s, row);
      });
    });
    if (healthy) this.#zeroBad(window, healthy);
    this.#buffers.encode((encoder) => {
      window.backward(encoder, { steps, replay: healthy !== undefined, extra: extra.length > 0 });
      encoder.copyBufferToBuffer(window.metaGradient, 0, buffer, 0, 4 * this.#phiLength);
    });
    return tensor;
  }

  state(healthy: tfjs.Tensor1D | undefined): TensorState {
    const { tensor, buffer } = this.#buffers.create(this.#initial.size);
    const window = this.#window!;
    // after a replay too, whose steps lead away from zero
    if (healthy) this.#zeroBad(window, healthy);
    this.#buffers.encode((encoder) => window.getState(encoder, this.#step, buffer));
    return [tensor];
  }

  dispose(): void {
    this.#window = undefined;
  }

  #windowOf(coordinates: number): LstmWindow {
    if (!this.#window) {
      const window = this.#windowFor(coordinates);
      const state = this.#buffers.of(this.#initial);
      this.#buffers.encode((encoder) => window.setState(encoder, state));
      this.#window = window;
      this.#points = window.points;
    }
    return this.#window;
  }

  /** Starts again at step 0 from the last step's state. */
  #startAgain(window: LstmWindow): void {
    const { tensor, buffer } = this.#buffers.create(this.#initial.size);
    this.#buffers.encode((encoder) => {
      window.getState(encoder, this.#step, buffer);
      window.setState(encoder, buffer);
    });
    tensor.dispose();
    this.#step = 0;
    this.#again = true;
  }

  #zeroBad(window: LstmWindow, healthy: tfjs.Tensor1D): void {
    // tf.cast would leave a boolean's integers as they are
    const mask = this.#tf.where(healthy, 1, 0);
    const buffer = this.#buffers.of(mask);
    this.#buffers.encode((encoder) => window.zeroCoordinates(encoder, buffer, this.#step));
    mask.dispose();
  }
}
