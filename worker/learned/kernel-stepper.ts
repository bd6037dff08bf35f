/** Computes steps by an architecture's kernel, for data in host memory. */
import { type Tensor, type Tensor2D, tensor, tensor2d, type Variable } from '@tensorflow/tfjs-core';
import type { ArchitectureConfig } from '../../shared/architectures/architecture.js';
import type { HostStepper, HostVariable } from '../architectures/host-kernel.js';
import { decodeHead, encodeHead, savedColumns } from './saved-state.js';
import type { Stepper, VariableState } from './stepper.js';

export class KernelStepper implements Stepper {
  readonly #architecture: ArchitectureConfig;
  readonly #kernel: HostStepper;

  constructor(architecture: ArchitectureConfig, kernel: HostStepper) {
    this.#architecture = architecture;
    this.#kernel = kernel;
  }

  begin(shape: readonly number[]): VariableState {
    return new KernelState(this.#architecture, this.#kernel.begin(shape), shape, 0);
  }

  async restore(saved: Tensor2D): Promise<VariableState> {
    const values = await saved.data<'float32'>();
    const { steps, shape, length } = decodeHead(this.#architecture, values, saved.shape[0]);
    const variable = this.#kernel.begin(shape, steps);
    variable.write(values.subarray(length));
    return new KernelState(this.#architecture, variable, shape, steps);
  }

  dispose(): void {
    // the kernel's memory is freed with its last reference
  }
}

class KernelState implements VariableState {
  readonly shape: readonly number[];
  readonly #architecture: ArchitectureConfig;
  readonly #variable: HostVariable;
  #steps: number;

  constructor(architecture: ArchitectureConfig, variable: HostVariable, shape: readonly number[], steps: number) {
    this.#architecture = architecture;
    this.#variable = variable;
    this.shape = shape;
    this.#steps = steps;
  }

  step(gradient: Tensor, variable: Variable): Tensor {
    const next = variable.dataSync<'float32'>().slice();
    this.#variable.step(gradient.dataSync<'float32'>(), next);
    this.#steps += 1;
    return tensor(next, variable.shape);
  }

  read(): Tensor2D {
    const rows = this.#variable.read();
    const head = encodeHead(this.#architecture, { steps: this.#steps, shape: this.shape });
    const values = new Float32Array(head.length + rows.length);
    values.set(head);
    values.set(rows, head.length);
    const columns = savedColumns(this.#architecture);
    return tensor2d(values, [values.length / columns, columns]);
  }

  dispose(): void {
    // the kernel's memory is freed with its last reference
  }
}
