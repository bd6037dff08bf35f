/** The LSTM by TensorFlow's fused operations: LSTMBlockCell forward, BlockLSTMGrad backward. */
import type * as tfjs from '@tensorflow/tfjs';
import type { LstmConfig } from '../../../../shared/architectures/lstm.js';
import type { Tf } from '../../../problems/problem.js';
import type { ColumnState, StepInput } from '../../architecture.js';
import type { TensorKernel } from '../../tensor-kernel.js';
import { beginPassage, type ColumnStep, type ColumnSteps, type ColumnWindow } from '../../tensors/column-passage.js';
import { columnState, sliceState } from '../../tensors/column-state.js';
import { flatten, tensorsOfPhi } from '../../tensors/phi-tensors.js';
import { updateGradients } from '../../tensors/update-gradient.js';
import { networkInput } from '../tensors.js';
import { type Activations, type CellWeights, LstmOperations } from './operations.js';

/** Options of the fused LSTM. */
export interface FusedLstmOptions {
  /** TensorFlow.js with its backend `tensorflow` set. */
  tf: Tf;
  network: LstmConfig;
  /**
   * A window's activations are kept if they fit in this many bytes; otherwise the backward pass computes them again,
   * for slices of the coordinates that fit in a quarter of it. @default 1 GiB
   */
  recordBudget?: number;
}

/** Makes the kernel. */
export function createFusedLstm({ tf, network, recordBudget = 2 ** 30 }: FusedLstmOptions): TensorKernel {
  const steps = new FusedSteps(tf, network, recordBudget);
  return {
    description: 'LSTM by LSTMBlockCell and BlockLSTMGrad',
    ...columnState(tf, network),
    loadPhi: (phi) => steps.loadPhi(phi),
    begin: (state, options) => beginPassage(tf, steps, state, options),
    close: () => steps.close(),
  };
}

/** What a step records of each layer, after the first layer's input: i, f, o, c̃, tanh(c). The state has h and c. */
const RECORDED = 5;

class FusedSteps implements ColumnSteps {
  readonly #tf: Tf;
  readonly #network: LstmConfig;
  readonly #budget: number;
  readonly #operations: LstmOperations;
  readonly #peepholes: readonly tfjs.Tensor1D[];
  readonly #lengths = new Map<number, tfjs.Tensor>();
  #phi: tfjs.Tensor[] = [];

  constructor(tf: Tf, network: LstmConfig, budget: number) {
    this.#tf = tf;
    this.#network = network;
    this.#budget = budget;
    this.#operations = new LstmOperations(tf);
    this.#peepholes = network.layers.map((units) => tf.keep(tf.zeros([units])));
  }

  loadPhi(phi: Float32Array): void {
    this.#tf.dispose(this.#phi);
    this.#phi = tensorsOfPhi(this.#tf, this.#network, phi);
  }

  close(): void {
    this.#tf.dispose([...this.#phi, ...this.#peepholes, ...this.#lengths.values()]);
    this.#phi = [];
    this.#lengths.clear();
  }

  records(coordinates: number, steps: number): boolean {
    return coordinates <= this.#fitting(steps, this.#budget);
  }

  step({ gradient, theta }: Required<StepInput<tfjs.Tensor1D>>, state: ColumnState, record: boolean): ColumnStep {
    const tf = this.#tf;
    const tensors = tf.tidy(() => {
      const { state: next, record: activations } = this.#advance(gradient, state);
      const [weights, bias] = this.#phi.slice(-2) as [tfjs.Tensor2D, tfjs.Tensor1D];
      const output = tf.reshape(tf.add(tf.matMul(next.at(-2)!, weights), bias), [gradient.size]);
      const moved = tf.add(theta, tf.mul(output, this.#network.outputScale));
      return [moved, ...next, ...(record ? activations : [])];
    }) as [tfjs.Tensor1D, ...tfjs.Tensor2D[]];
    const [moved, ...rest] = tensors;
    const end = state.length;
    return { theta: moved, state: rest.slice(0, end), record: rest.slice(end) };
  }

  metaGradient(window: ColumnWindow): tfjs.Tensor1D {
    const tf = this.#tf;
    const slopes = updateGradients(tf, window);
    const { initialState, gradients, records } = window;
    if (records) return this.#backward(initialState, records, slopes);
    const coordinates = gradients[0]!.size;
    // all at once if the forward pass would have kept them
    const whole = this.records(coordinates, slopes.length);
    const width = whole ? coordinates : this.#fitting(slopes.length, this.#budget / 4);
    let sum: tfjs.Tensor1D | undefined;
    for (let first = 0; first < coordinates; first += width) {
      const length = Math.min(width, coordinates - first);
      const part = (row: tfjs.Tensor1D) => (whole ? row : tf.slice(row, first, length));
      const own = tf.tidy(() => {
        const start = whole ? initialState : sliceState(tf, initialState, first, length);
        const replayed = this.#replay(start, gradients.slice(0, -1).map(part));
        return this.#backward(start, replayed, slopes.map(part));
      });
      sum = sum ? tf.add(sum, own) : own;
    }
    return sum!;
  }

  /** How many coordinates' activations of a window fit in this many bytes. */
  #fitting(steps: number, bytes: number): number {
    const numbers = this.#network.layers.reduce((sum, units) => sum + (RECORDED + 2) * units, 2);
    return Math.max(1, Math.floor(bytes / (4 * numbers * steps)));
  }

  #weightsOf(layer: number): CellWeights {
    const [weights, biases] = this.#phi.slice(2 * layer) as [tfjs.Tensor2D, tfjs.Tensor1D];
    return { weights, biases, peephole: this.#peepholes[layer]! };
  }

  /** One step through the layers. */
  #advance(gradient: tfjs.Tensor1D, state: ColumnState): { state: tfjs.Tensor2D[]; record: tfjs.Tensor[] } {
    const next: tfjs.Tensor[] = [];
    let x: tfjs.Tensor = networkInput(this.#tf, this.#network, gradient);
    const record = [x];
    this.#network.layers.forEach((_, layer) => {
      const [h, c] = state.slice(2 * layer) as [tfjs.Tensor2D, tfjs.Tensor2D];
      const gates = this.#operations.cell(x, c, h, this.#weightsOf(layer));
      record.push(gates.i, gates.f, gates.o, gates.candidate, gates.squashed);
      next.push(gates.h, gates.c);
      x = gates.h;
    });
    return { state: next as tfjs.Tensor2D[], record };
  }

  /** The records of all steps, as a passage keeps them. */
  #replay(start: ColumnState, gradients: readonly tfjs.Tensor1D[]): tfjs.Tensor[][] {
    let state = start;
    return gradients.map((gradient) => {
      const step = this.#advance(gradient, state);
      state = step.state;
      return [...step.record, ...step.state];
    });
  }

  /** dφ from the records of all steps and dL/dg. */
  #backward(
    start: ColumnState,
    records: readonly (readonly tfjs.Tensor[])[],
    updateSlopes: readonly tfjs.Tensor1D[],
  ): tfjs.Tensor1D {
    const tf = this.#tf;
    const { layers, outputScale } = this.#network;
    const steps = records.length;
    const coordinates = start[0]!.shape[0];
    const stacked = (index: number) => tf.stack(records.map((record) => record[index]!));
    const stateFrom = 1 + RECORDED * layers.length;
    const activations = layers.map((_, layer): Activations => {
      const own = 1 + RECORDED * layer;
      const [i, f, o, candidate, squashed] = [0, 1, 2, 3, 4].map((index) => stacked(own + index));
      const [h, c] = [0, 1].map((index) => stacked(stateFrom + 2 * layer + index));
      return { i: i!, c: c!, f: f!, o: o!, candidate: candidate!, squashed: squashed!, h: h! };
    });
    const outputWeights = this.#phi.at(-2)! as tfjs.Tensor2D;
    const outputSlopes = tf.reshape(tf.mul(tf.stack([...updateSlopes]), outputScale), [steps * coordinates, 1]);
    const top = layers.length - 1;
    const flatTop = tf.reshape(activations[top]!.h, [steps * coordinates, layers[top]!]);
    const slopes = [tf.matMul(flatTop, outputSlopes, true), tf.sum(outputSlopes, 0)];
    let h: tfjs.Tensor = tf.reshape(tf.matMul(outputSlopes, outputWeights, false, true), [
      steps,
      coordinates,
      layers[top]!,
    ]);
    for (let layer = top; layer >= 0; layer--) {
      const x = layer === 0 ? stacked(0) : activations[layer - 1]!.h;
      const back = this.#operations.backward(
        this.#length(steps),
        x,
        { h: start[2 * layer]!, c: start[2 * layer + 1]! },
        this.#weightsOf(layer),
        activations[layer]!,
        { c: tf.zerosLike(h), h },
      );
      slopes.unshift(back.weights, back.biases);
      h = back.x;
    }
    return flatten(tf, slopes);
  }

  #length(steps: number): tfjs.Tensor {
    let length = this.#lengths.get(steps);
    if (!length) {
      length = this.#tf.keep(this.#operations.length(this.#tf, steps));
      this.#lengths.set(steps, length);
    }
    return length;
  }
}
