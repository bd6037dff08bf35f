/** Computes steps by plain tensor operations, on any backend of TensorFlow.js; data stays on its device. */
import * as tf from '@tensorflow/tfjs-core';
import type { ArchitectureConfig } from '../../shared/architectures/architecture.js';
import type { LearnedPhi } from '../../shared/phi.js';
import { stateSizes } from '../../shared/phi.js';
import type { ColumnState, TensorStep } from '../architectures/architecture.js';
import { ruleOf } from '../architectures/registry.js';
import { tensorsOfPhi } from '../architectures/tensors/phi-tensors.js';
import type { Stepper, VariableState } from './stepper.js';

/** Coordinates that are computed together: their activations, about 300 numbers each, take up to 80 MB. */
const CHUNK = 65_536;

/** φ on the device. */
export class TensorStepper implements Stepper {
  readonly #architecture: ArchitectureConfig;
  readonly #phi: tf.Tensor[];

  constructor({ architecture, phi }: LearnedPhi) {
    this.#architecture = architecture;
    this.#phi = tensorsOfPhi(tf, architecture, phi).map((tensor) => tf.keep(tensor));
  }

  begin(coordinates: number): VariableState {
    const columns = stateSizes(this.#architecture);
    return this.#state(coordinates, (_, length) => columns.map((units) => tf.zeros([length, units])));
  }

  async restore(rows: tf.Tensor2D): Promise<VariableState> {
    const columns = stateSizes(this.#architecture);
    return this.#state(rows.shape[0], (first, length) => tf.split(tf.slice(rows, first, length), columns, 1));
  }

  dispose(): void {
    tf.dispose(this.#phi);
  }

  /** A state of chunks, each made by `make` from its first coordinate and its length. */
  #state(coordinates: number, make: (first: number, length: number) => tf.Tensor2D[]): VariableState {
    const chunks: ColumnState[] = [];
    tf.tidy(() => {
      for (let first = 0; first < coordinates; first += CHUNK) {
        const parts = make(first, Math.min(CHUNK, coordinates - first));
        chunks.push(parts.map((part) => tf.keep(part)));
      }
    });
    return new ChunkedState(ruleOf(this.#architecture).tensorStep(this.#architecture), this.#phi, coordinates, chunks);
  }
}

class ChunkedState implements VariableState {
  readonly coordinates: number;
  readonly #tensorStep: TensorStep;
  readonly #phi: readonly tf.Tensor[];
  #chunks: ColumnState[];

  constructor(tensorStep: TensorStep, phi: readonly tf.Tensor[], coordinates: number, chunks: ColumnState[]) {
    this.#tensorStep = tensorStep;
    this.#phi = phi;
    this.coordinates = coordinates;
    this.#chunks = chunks;
  }

  step(gradient: tf.Tensor, variable: tf.Variable): tf.Tensor {
    return tf.tidy(() => {
      const [slopes, point] = [gradient, variable].map((each) => tf.reshape(each, [this.coordinates]) as tf.Tensor1D);
      const updates: tf.Tensor1D[] = [];
      this.#chunks = this.#chunks.map((chunk, index) => {
        const length = chunk[0]!.shape[0];
        const part = (row: tf.Tensor1D) => tf.slice(row, index * CHUNK, length);
        const input = { gradient: part(slopes!), theta: part(point!) };
        const step = this.#tensorStep(tf, this.#phi, input, chunk, 0);
        tf.dispose([...chunk]);
        updates.push(step.updates);
        return step.state.map((part) => tf.keep(part));
      });
      return tf.add(variable, tf.reshape(tf.concat(updates), variable.shape));
    });
  }

  read(): tf.Tensor2D {
    return tf.tidy(() => tf.concat(this.#chunks.map((chunk) => tf.concat([...chunk], 1))));
  }

  dispose(): void {
    tf.dispose(this.#chunks.flat());
  }
}
