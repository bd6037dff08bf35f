/** The LSTM's steps in a user's program, by the SIMD kernel. */
import type { LstmConfig } from '../../../../shared/architectures/lstm.js';
import type { HostStepper, HostVariable } from '../../host-kernel.js';
import { elementsOf } from '../../layout.js';
import { createWasmKernel, hasRelaxedSimd } from '../wasm/wasm-kernel.js';
import type { BlockKernel } from './kernel.js';
import { advanceBlock, BLOCK, type Block, blocksOf, paddedLength, type StepPointers } from './layout.js';

/** A kernel whose memory holds φ and every variable's state. */
export class BlockStepper implements HostStepper {
  readonly #kernel: BlockKernel;
  readonly #record: number;

  constructor(network: LstmConfig, phi: Float32Array) {
    this.#kernel = createWasmKernel(network, !hasRelaxedSimd());
    const at = this.#kernel.memory.allocate(phi.byteLength);
    this.#record = this.#kernel.memory.allocate(4 * this.#kernel.recordRows * BLOCK);
    this.#kernel.memory.floats(at, phi.length).set(phi);
    this.#kernel.passes.loadPhi(at);
  }

  begin(shape: readonly number[]): HostVariable {
    return new BlockVariable(this.#kernel, this.#record, elementsOf(shape));
  }
}

class BlockVariable implements HostVariable {
  readonly #coordinates: number;
  readonly #kernel: BlockKernel;
  readonly #blocks: readonly Block[];
  readonly #at: StepPointers;

  constructor(kernel: BlockKernel, record: number, coordinates: number) {
    this.#coordinates = coordinates;
    this.#kernel = kernel;
    this.#blocks = blocksOf(coordinates);
    const padded = paddedLength(coordinates);
    // zeros, since the kernel never frees and reuses memory
    this.#at = {
      gradient: kernel.memory.allocate(4 * padded),
      updates: kernel.memory.allocate(4 * padded),
      state: kernel.memory.allocate(4 * kernel.stateRows * padded),
      record,
    };
  }

  step(gradient: Float32Array, theta: Float32Array): void {
    this.#kernel.memory.floats(this.#at.gradient, this.#coordinates).set(gradient);
    for (const block of this.#blocks) advanceBlock(this.#kernel, block, this.#at);
    const updates = this.#kernel.memory.floats(this.#at.updates, this.#coordinates);
    for (let i = 0; i < theta.length; i++) theta[i]! += updates[i]!;
  }

  read(): Float32Array {
    const rows = new Float32Array(this.#kernel.stateRows * this.#coordinates);
    this.#eachEntry((state, entry, index) => {
      rows[index] = state[entry]!;
    });
    return rows;
  }

  write(rows: Float32Array): void {
    this.#eachEntry((state, entry, index) => {
      state[entry] = rows[index]!;
    });
  }

  /** Visits h: its entry in the state by blocks, [rows × width] each, and its index in [n, rows]. */
  #eachEntry(visit: (state: Float32Array, entry: number, index: number) => void): void {
    const { stateRows } = this.#kernel;
    const state = this.#kernel.memory.floats(this.#at.state, stateRows * paddedLength(this.#coordinates));
    for (const { first, width } of this.#blocks) {
      const lanes = Math.min(width, this.#coordinates - first);
      for (let row = 0; row < stateRows; row++) {
        for (let lane = 0; lane < lanes; lane++) {
          visit(state, stateRows * first + row * width + lane, (first + lane) * stateRows + row);
        }
      }
    }
  }
}
