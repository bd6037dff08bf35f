/** Steps by the SIMD kernel, for data in host memory. */
import { type Tensor, type Tensor2D, tensor, tensor2d, type Variable } from '@tensorflow/tfjs-core';
import type { LearnedPhi } from '../../shared/phi.js';
import { hasRelaxedSimd, Kernel } from '../architectures/lstm/wasm/kernel-module.js';
import {
  advanceBlock,
  BLOCK,
  type Block,
  blocksOf,
  paddedLength,
  type StepPointers,
} from '../architectures/lstm/wasm/layout.js';
import type { Stepper, VariableState } from './stepper.js';

/** A kernel whose memory holds φ and every variable's state; throws LoptError where there is no WebAssembly SIMD. */
export class KernelStepper implements Stepper {
  readonly #kernel: Kernel;
  readonly #record: number;

  constructor({ architecture, phi }: LearnedPhi) {
    this.#kernel = new Kernel(architecture, !hasRelaxedSimd());
    const at = this.#kernel.allocate(phi.byteLength);
    this.#record = this.#kernel.allocate(4 * this.#kernel.recordRows * BLOCK);
    this.#kernel.floats(at, phi.length).set(phi);
    this.#kernel.exports.loadPhi(at);
  }

  begin(coordinates: number): KernelState {
    return new KernelState(this.#kernel, this.#record, coordinates);
  }

  async restore(rows: Tensor2D): Promise<KernelState> {
    const values = await rows.data<'float32'>();
    const state = this.begin(rows.shape[0]);
    state.write(values);
    return state;
  }

  dispose(): void {
    // the kernel's memory goes with its last reference
  }
}

class KernelState implements VariableState {
  readonly coordinates: number;
  readonly #kernel: Kernel;
  readonly #blocks: readonly Block[];
  readonly #at: StepPointers;

  constructor(kernel: Kernel, record: number, coordinates: number) {
    this.coordinates = coordinates;
    this.#kernel = kernel;
    this.#blocks = blocksOf(coordinates);
    const padded = paddedLength(coordinates);
    // zeros, since nothing that the kernel allocates is ever freed and used again
    this.#at = {
      gradient: kernel.allocate(4 * padded),
      updates: kernel.allocate(4 * padded),
      state: kernel.allocate(4 * kernel.stateRows * padded),
      record,
    };
  }

  step(gradient: Tensor, variable: Variable): Tensor {
    const { coordinates } = this;
    this.#kernel.floats(this.#at.gradient, coordinates).set(gradient.dataSync<'float32'>());
    for (const block of this.#blocks) advanceBlock(this.#kernel, block, this.#at);
    const next = this.#kernel.floats(this.#at.updates, coordinates).slice();
    const theta = variable.dataSync<'float32'>();
    for (let i = 0; i < coordinates; i++) next[i]! += theta[i]!;
    return tensor(next, variable.shape);
  }

  read(): Tensor2D {
    const rows = new Float32Array(this.#kernel.stateRows * this.coordinates);
    this.#eachEntry((state, entry, index) => {
      rows[index] = state[entry]!;
    });
    return tensor2d(rows, [this.coordinates, this.#kernel.stateRows]);
  }

  /** Sets h to what `read` gave. */
  write(rows: Float32Array): void {
    this.#eachEntry((state, entry, index) => {
      state[entry] = rows[index]!;
    });
  }

  dispose(): void {
    // the kernel's memory goes with its last reference
  }

  /** Visits h: its entry in the state by blocks, [rows × width] each, and its index in [n, rows]. */
  #eachEntry(visit: (state: Float32Array, entry: number, index: number) => void): void {
    const { stateRows } = this.#kernel;
    const state = this.#kernel.floats(this.#at.state, stateRows * paddedLength(this.coordinates));
    for (const { first, width } of this.#blocks) {
      const lanes = Math.min(width, this.coordinates - first);
      for (let row = 0; row < stateRows; row++) {
        for (let lane = 0; lane < lanes; lane++) {
          visit(state, stateRows * first + row * width + lane, (first + lane) * stateRows + row);
        }
      }
    }
  }
}
