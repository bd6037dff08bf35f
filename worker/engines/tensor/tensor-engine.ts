/** The tensor engine: windows on any backend of TensorFlow.js. */
import { type Network, phiLength } from '../../../shared/phi.js';
import type { Key } from '../../../shared/random.js';
import type { Optimizer } from '../../optimizers/optimizer.js';
import type { Gradient, Problems, Split, Tf } from '../../problems/problem.js';
import { batchOf, beginShard, finishWindow, markBad, zeroBad } from '../../window.js';
import type { Engine, ShardState, WindowRequest, WindowResult } from '../engine.js';
import type { LstmKernel, TensorState } from './lstm-kernel.js';
import { createPlainLstm } from './plain-lstm.js';
import { unrolledPhiGradient } from './second-derivatives.js';
import { checkHessian, createTensorGradient, hessianVectorProduct } from './tensor-gradient.js';

/** Options of a tensor engine. */
export interface TensorEngineOptions {
  problems: Problems;
  network: Network;
  /** TensorFlow.js with its backend set. */
  tf: Tf;
  /** The problems' gradient. @default automatic differentiation of their tensor loss */
  gradient?: Gradient;
  /** Keep ∂∇_t/∂φ, by Hessian-vector products of the tensor loss. @default false */
  secondDerivatives?: boolean;
  /** How the LSTM is computed; closed with the engine. @default plain operations */
  kernel?: LstmKernel;
  /** @default 'reference' */
  name?: string;
}

/** What a window holds for its backward pass. */
interface WindowRecord {
  /** h_0, as in the shard's state. */
  initialHidden: Float32Array;
  /** ∇_0…∇_K, each [N]. */
  gradients: Float32Array[];
  /** θ_1…θ_K, each [N]; empty where second derivatives are dropped. */
  thetas: Float32Array[];
  /** f_t(θ_t) of every problem, [K × P]. */
  losses: Float64Array;
}

/** Computes windows in one thread. The hidden state is h, then c, of each layer in turn, [N × units] by rows. */
export class TensorEngine implements Engine {
  readonly name: string;
  readonly description: string;
  readonly #tf: Tf;
  readonly #problems: Problems;
  readonly #network: Network;
  readonly #gradient: Gradient;
  readonly #secondDerivatives: boolean;
  readonly #kernel: LstmKernel;
  readonly #phi: Float32Array;
  #checked = false;

  constructor({ problems, network, tf, gradient, secondDerivatives = false, kernel, name }: TensorEngineOptions) {
    this.name = name ?? 'reference';
    this.#tf = tf;
    this.#problems = problems;
    this.#network = network;
    this.#gradient = gradient ?? createTensorGradient(tf, problems);
    this.#secondDerivatives = secondDerivatives;
    this.#kernel = kernel ?? createPlainLstm(tf, network);
    this.#phi = new Float32Array(phiLength(network));
    this.description = `tfjs ${tf.version.tfjs}, backend ${tf.getBackend()}, ${this.#kernel.description}`;
  }

  loadPhi(phi: Float32Array): void {
    this.#phi.set(phi);
    this.#kernel.loadPhi(this.#phi);
  }

  begin(key: Key, count: number, split: Split): ShardState {
    const hiddenLength = this.#hiddenLength(count * this.#problems.coordinates);
    const state = beginShard(this.#problems, this.#gradient, key, count, split, hiddenLength);
    if (this.#secondDerivatives && !this.#checked) {
      checkHessian(this.#tf, this.#problems, state.theta, batchOf(state), 0);
      this.#checked = true;
    }
    return state;
  }

  window(request: WindowRequest): WindowResult {
    const { state, steps } = request;
    const lossWeights = request.lossWeights ?? new Float32Array(steps).fill(1);
    const record = this.#forward(state, steps);
    const updateGradient = rowsOf(request.updateGradient, steps);
    // what a problem left before it went bad need not be finite: it goes through the backward pass as zeros
    for (const row of [...record.gradients, ...record.thetas, ...updateGradient]) zeroBad(state, row);
    for (const part of this.#parts(record.initialHidden)) zeroBad(state, part);
    for (const part of this.#parts(state.hidden)) zeroBad(state, part);

    if (request.forwardOnly) {
      return finishWindow(state, steps, new Float32Array(this.#phi.length), record.losses, lossWeights);
    }
    const phiGradient = this.#secondDerivatives
      ? this.#secondOrder(record, state, lossWeights, updateGradient)
      : this.#firstOrder(record, lossWeights, updateGradient);
    return finishWindow(state, steps, phiGradient, record.losses, lossWeights);
  }

  optimizer(): Optimizer<Float32Array> {
    return {
      name: 'learned',
      init: (coordinates) => new Float32Array(this.#hiddenLength(coordinates)),
      update: (gradient, hidden) => {
        const next = new Float32Array(hidden.length);
        const updates = new Float32Array(gradient.length);
        this.#tf.tidy(() => {
          const step = this.#kernel.step(this.#tf.tensor1d(gradient.slice()), this.#upload(hidden));
          updates.set(step.updates.dataSync());
          this.#download(step.state, next);
        });
        return { updates, state: next };
      },
    };
  }

  close(): void {
    this.#kernel.close();
  }

  /** Steps 1…K; moves the shard's θ, h and ∇ to the end of the window. */
  #forward(state: ShardState, steps: number): WindowRecord {
    const tf = this.#tf;
    const { theta } = state;
    const batch = batchOf(state);
    const losses = new Float64Array(state.count);
    const record: WindowRecord = {
      initialHidden: state.hidden.slice(),
      gradients: [state.gradient.slice()],
      thetas: [],
      losses: new Float64Array(steps * state.count),
    };
    tf.tidy(() => {
      let lstmState = this.#upload(record.initialHidden);
      for (let s = 0; s < steps; s++) {
        const step = this.#kernel.step(tf.tensor1d(record.gradients[s]!), lstmState);
        const updates = step.updates.dataSync();
        for (let i = 0; i < theta.length; i++) theta[i] = theta[i]! + updates[i]!;
        tf.dispose([step.updates, ...lstmState]);
        lstmState = step.state;
        const row = new Float32Array(theta.length);
        this.#gradient(theta, batch, state.step + s + 1, row, losses);
        markBad(state, losses, row);
        zeroBad(state, theta);
        zeroBad(state, row);
        record.gradients.push(row);
        if (this.#secondDerivatives) record.thetas.push(theta.slice());
        record.losses.set(losses, s * state.count);
      }
      this.#download(lstmState, state.hidden);
    });
    state.gradient.set(record.gradients[steps]!);
    return record;
  }

  /** dφ with second derivatives dropped: dL/dg_s = Σ_{t>s} w_t ∇_t, and what the request adds. */
  #firstOrder(
    { initialHidden, gradients }: WindowRecord,
    lossWeights: Float32Array,
    extra: Float32Array[],
  ): Float32Array {
    const tf = this.#tf;
    const sum = new Float64Array(gradients[0]!.length);
    const updateGradients: Float32Array[] = [];
    for (let s = lossWeights.length - 1; s >= 0; s--) {
      const row = gradients[s + 1]!;
      for (let i = 0; i < sum.length; i++) sum[i]! += lossWeights[s]! * row[i]!;
      const more = extra[s];
      updateGradients.unshift(Float32Array.from(sum, (slope, i) => slope + (more ? more[i]! : 0)));
    }
    return tf.tidy(() =>
      this.#kernel.phiGradient({
        initialState: this.#upload(initialHidden),
        gradients: gradients.slice(0, -1).map((row) => tf.tensor1d(row)),
        updateGradients: updateGradients.map((row) => tf.tensor1d(row)),
      }),
    );
  }

  /** dφ with second derivatives kept; to be called before the shard's steps are counted up. */
  #secondOrder(
    record: WindowRecord,
    state: ShardState,
    lossWeights: Float32Array,
    extra: Float32Array[],
  ): Float32Array {
    const tf = this.#tf;
    const batch = batchOf(state);
    return tf.tidy(() =>
      unrolledPhiGradient(tf, this.#network, {
        phi: this.#phi,
        initialState: this.#upload(record.initialHidden),
        gradients: record.gradients,
        lossWeights,
        updateGradient: extra,
        hessian: (t, vector) => {
          const theta = record.thetas[t - 1]!;
          const product = hessianVectorProduct(tf, this.#problems, theta, vector, batch, state.step + t);
          // a bad problem's Hessian need not be finite even at θ = 0
          zeroBad(state, product);
          return product;
        },
      }),
    );
  }

  /** Numbers of hidden state for so many coordinates. */
  #hiddenLength(coordinates: number): number {
    return coordinates * this.#network.layers.reduce((sum, units) => sum + 2 * units, 0);
  }

  /** The views [N × units] of h and c of each layer in turn. */
  #parts(hidden: Float32Array): Float32Array[] {
    const coordinates = hidden.length / this.#hiddenLength(1);
    let at = 0;
    return this.#network.layers
      .flatMap((units) => [units, units])
      .map((units) => {
        const part = hidden.subarray(at, at + coordinates * units);
        at += part.length;
        return part;
      });
  }

  #upload(hidden: Float32Array): TensorState {
    const coordinates = hidden.length / this.#hiddenLength(1);
    return this.#parts(hidden).map((part) => this.#tf.tensor2d(part.slice(), [coordinates, part.length / coordinates]));
  }

  #download(state: TensorState, hidden: Float32Array): void {
    this.#parts(hidden).forEach((part, index) => {
      part.set(state[index]!.dataSync());
    });
  }
}

/** Copies of the rows of [K × N]; none where there is no matrix. */
function rowsOf(matrix: Float32Array | undefined, steps: number): Float32Array[] {
  if (!matrix) return [];
  const length = matrix.length / steps;
  return Array.from({ length: steps }, (_, s) => matrix.slice(s * length, (s + 1) * length));
}
