/** The perceptron's steps in a user's program, by the SIMD kernel. */
import type { MlpConfig } from '../../../shared/architectures/mlp.js';
import { architectureOf } from '../../../shared/architectures/registry.js';
import type { HostStepper, HostVariable, HostWalk, StepperOptions } from '../host-kernel.js';
import { type Clock, type CoordinateLayout, entriesOf } from '../layout.js';
import { MlpKernel } from './mlp-kernel.js';
import { paddedEntries } from './placement.js';
import { createWasmPasses, hasRelaxedSimd } from './wasm/wasm-kernel.js';

/** A kernel for each variable, whose memory holds its state. */
export class MlpStepper implements HostStepper {
  readonly #config: MlpConfig;
  readonly #phi: Float32Array;
  readonly #horizon: number;

  constructor(config: MlpConfig, phi: Float32Array, { horizon = 0 }: StepperOptions) {
    this.#config = config;
    this.#phi = phi;
    this.#horizon = horizon;
  }

  begin(shape: readonly number[], step = 0): HostVariable {
    const kernel = new MlpKernel(createWasmPasses, this.#config, { strict: !hasRelaxedSimd() });
    kernel.loadPhi(this.#phi);
    return new MlpVariable(this.#config, kernel, { problems: 1, tensors: [shape] }, { step, horizon: this.#horizon });
  }
}

class MlpVariable implements HostVariable {
  readonly #config: MlpConfig;
  readonly #kernel: MlpKernel;
  readonly #layout: CoordinateLayout;
  readonly #clock: Clock;
  #walk: HostWalk;

  constructor(config: MlpConfig, kernel: MlpKernel, layout: CoordinateLayout, clock: Clock) {
    this.#config = config;
    this.#kernel = kernel;
    this.#layout = layout;
    this.#clock = clock;
    this.#walk = kernel.walk(layout, clock);
  }

  step(gradient: Float32Array, theta: Float32Array): void {
    this.#walk.step(gradient, theta);
  }

  read(): Float32Array {
    const hidden = new Float32Array(this.#kernel.stateLength(this.#layout));
    this.#walk.end(hidden);
    const parts = [...this.#parts()];
    const rows = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
    for (const { from, to, length } of parts) rows.set(hidden.subarray(from, from + length), to);
    return rows;
  }

  write(rows: Float32Array): void {
    const hidden = new Float32Array(this.#kernel.stateLength(this.#layout));
    for (const { from, to, length } of this.#parts()) hidden.set(rows.subarray(to, to + length), from);
    this.#walk = this.#kernel.walk(this.#layout, this.#clock, hidden);
  }

  /** Where each part of the state begins in the kernel's memory and among rows, and its length. */
  *#parts(): Generator<{ from: number; to: number; length: number }> {
    const [shape] = this.#layout.tensors;
    let [from, to] = [0, 0];
    for (const part of architectureOf(this.#config).state(this.#config)) {
      const length = entriesOf(part, shape!);
      yield { from, to, length };
      from += paddedEntries(part, shape!);
      to += length;
    }
  }
}
