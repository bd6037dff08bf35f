/** Computes steps by an architecture's kernel, for data in host memory. */
import { type Tensor, type Tensor2D, tensor, tensor2d, type Variable } from '@tensorflow/tfjs-core';
import type { HostStepper, HostVariable } from '../architectures/host-kernel.js';
import type { Stepper, VariableState } from './stepper.js';

export class KernelStepper implements Stepper {
  readonly #kernel: HostStepper;

  constructor(kernel: HostStepper) {
    this.#kernel = kernel;
  }

  begin(coordinates: number): VariableState {
    return new KernelState(this.#kernel.begin(coordinates), coordinates);
  }

  async restore(rows: Tensor2D): Promise<VariableState> {
    const values = await rows.data<'float32'>();
    const variable = this.#kernel.begin(rows.shape[0]);
    variable.write(values);
    return new KernelState(variable, rows.shape[0]);
  }

  dispose(): void {
    // the kernel's memory is freed with its last reference
  }
}

class KernelState implements VariableState {
  readonly coordinates: number;
  readonly #variable: HostVariable;

  constructor(variable: HostVariable, coordinates: number) {
    this.#variable = variable;
    this.coordinates = coordinates;
  }

  step(gradient: Tensor, variable: Variable): Tensor {
    const theta = variable.dataSync<'float32'>();
    const next = this.#variable.step(gradient.dataSync<'float32'>(), theta).slice();
    for (let i = 0; i < next.length; i++) next[i]! += theta[i]!;
    return tensor(next, variable.shape);
  }

  read(): Tensor2D {
    const rows = this.#variable.read();
    return tensor2d(rows, [this.coordinates, rows.length / this.coordinates]);
  }

  dispose(): void {
    // the kernel's memory is freed with its last reference
  }
}
