/** Computes steps by plain tensor operations, on any backend of TensorFlow.js; data stays on its device. */
import * as tf from '@tensorflow/tfjs-core';
import type { ArchitectureConfig } from '../../shared/architectures/architecture.js';
import type { LearnedPhi } from '../../shared/phi.js';
import { stateSizes } from '../../shared/phi.js';
import type { ColumnState, TensorStep } from '../architectures/architecture.js';
import type { StepperOptions } from '../architectures/host-kernel.js';
import { elementsOf, isByCoordinate, stateLengths } from '../architectures/layout.js';
import { ruleOf } from '../architectures/registry.js';
import { tensorsOfPhi } from '../architectures/tensors/phi-tensors.js';
import { decodeHead, encodeHead } from './saved-state.js';
import type { Stepper, VariableState } from './stepper.js';

/** Coordinates that are computed together: their activations, about 300 numbers each, take up to 80 MB. */
const CHUNK = 65_536;

/** φ on the device. */
export class TensorStepper implements Stepper {
  readonly #architecture: ArchitectureConfig;
  readonly #phi: tf.Tensor[];
  readonly #horizon: number;

  constructor({ architecture, phi }: LearnedPhi, { horizon = 0 }: StepperOptions = {}) {
    this.#architecture = architecture;
    this.#phi = tensorsOfPhi(tf, architecture, phi).map((tensor) => tf.keep(tensor));
    this.#horizon = horizon;
  }

  begin(shape: readonly number[]): VariableState {
    const columns = stateSizes(this.#architecture);
    if (!isByCoordinate(this.#architecture)) {
      const parts = stateLengths(this.#architecture, { problems: 1, tensors: [shape] });
      return this.#whole(
        shape,
        0,
        parts.map((length) => tf.zeros([length, 1])),
      );
    }
    return this.#chunks(shape, (_, length) => columns.map((units) => tf.zeros([length, units])));
  }

  async restore(saved: tf.Tensor2D): Promise<VariableState> {
    const columns = stateSizes(this.#architecture);
    if (isByCoordinate(this.#architecture)) {
      return this.#chunks([saved.shape[0]], (first, length) => tf.split(tf.slice(saved, first, length), columns, 1));
    }
    const head = decodeHead(this.#architecture, await saved.data<'float32'>(), saved.shape[0]);
    let at = head.length;
    const parts = stateLengths(this.#architecture, { problems: 1, tensors: [head.shape] }).map((length) => {
      const part = length === 0 ? tf.zeros<tf.Rank.R2>([0, 1]) : tf.slice(saved, at, length);
      at += length;
      return part;
    });
    return this.#whole(head.shape, head.steps, parts);
  }

  dispose(): void {
    tf.dispose(this.#phi);
  }

  #whole(shape: readonly number[], steps: number, state: tf.Tensor2D[]): VariableState {
    const kept = state.map((part) => tf.keep(part));
    return new WholeState(this.#architecture, this.#phi, { shape, steps, horizon: this.#horizon }, kept);
  }

  /** A state of chunks, each made by `make` from its first coordinate and its length. */
  #chunks(shape: readonly number[], make: (first: number, length: number) => tf.Tensor2D[]): VariableState {
    const coordinates = elementsOf(shape);
    const chunks: ColumnState[] = [];
    tf.tidy(() => {
      for (let first = 0; first < coordinates; first += CHUNK) {
        const parts = make(first, Math.min(CHUNK, coordinates - first));
        chunks.push(parts.map((part) => tf.keep(part)));
      }
    });
    return new ChunkedState(ruleOf(this.#architecture).tensorStep(this.#architecture), this.#phi, shape, chunks);
  }
}

/** The state of a variable whose coordinates step by themselves. */
class ChunkedState implements VariableState {
  readonly shape: readonly number[];
  readonly #tensorStep: TensorStep;
  readonly #phi: readonly tf.Tensor[];
  #chunks: ColumnState[];

  constructor(tensorStep: TensorStep, phi: readonly tf.Tensor[], shape: readonly number[], chunks: ColumnState[]) {
    this.#tensorStep = tensorStep;
    this.#phi = phi;
    this.shape = shape;
    this.#chunks = chunks;
  }

  step(gradient: tf.Tensor, variable: tf.Variable): tf.Tensor {
    return tf.tidy(() => {
      const [slopes, point] = [gradient, variable].map((each) => tf.reshape(each, [each.size]) as tf.Tensor1D);
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

/** The state of a variable that steps as a whole. */
class WholeState implements VariableState {
  readonly shape: readonly number[];
  readonly #architecture: ArchitectureConfig;
  readonly #phi: readonly tf.Tensor[];
  readonly #horizon: number;
  #steps: number;
  #state: ColumnState;

  constructor(
    architecture: ArchitectureConfig,
    phi: readonly tf.Tensor[],
    { shape, steps, horizon }: { shape: readonly number[]; steps: number; horizon: number },
    state: ColumnState,
  ) {
    this.#architecture = architecture;
    this.#phi = phi;
    this.shape = shape;
    this.#steps = steps;
    this.#horizon = horizon;
    this.#state = state;
  }

  step(gradient: tf.Tensor, variable: tf.Variable): tf.Tensor {
    return tf.tidy(() => {
      const [slopes, point] = [gradient, variable].map((each) => tf.reshape(each, [each.size]) as tf.Tensor1D);
      const input = {
        gradient: slopes!,
        theta: point!,
        layout: { problems: 1, tensors: [this.shape] },
        clock: { step: this.#steps, horizon: this.#horizon },
      };
      const next = ruleOf(this.#architecture).tensorStep(this.#architecture)(tf, this.#phi, input, this.#state, 0);
      tf.dispose([...this.#state]);
      this.#state = next.state.map((part) => tf.keep(part));
      this.#steps += 1;
      return tf.add(variable, tf.reshape(next.updates, variable.shape));
    });
  }

  read(): tf.Tensor2D {
    return tf.tidy(() => {
      const head = encodeHead(this.#architecture, { steps: this.#steps, shape: this.shape });
      const parts = this.#state.filter(({ size }) => size > 0);
      return tf.concat([tf.tensor2d(head, [head.length, 1]), ...parts]);
    });
  }

  dispose(): void {
    tf.dispose([...this.#state]);
  }
}
