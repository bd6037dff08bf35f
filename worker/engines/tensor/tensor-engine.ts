/** The tensor engine: windows on any backend of TensorFlow.js, without leaving its device within a window. */
import type * as tfjs from '@tensorflow/tfjs';
import type { ArchitectureConfig } from '../../../shared/architectures/architecture.js';
import { architectureOf } from '../../../shared/architectures/registry.js';
import type { ColumnState } from '../../architectures/architecture.js';
import type { CoordinateLayout } from '../../architectures/layout.js';
import type { TensorKernel, TensorPassage, WindowSignal } from '../../architectures/tensor-kernel.js';
import { selectState } from '../../architectures/tensors/column-state.js';
import { createPlainKernel } from '../../architectures/tensors/plain-kernel.js';
import { type UnrolledWindow, unrolledMetaGradient } from '../../architectures/tensors/second-derivatives.js';
import { Arena } from '../../devices/arena.js';
import { useBackend } from '../../devices/backend.js';
import { type DeviceWatch, watched } from '../../devices/device-watch.js';
import { checkHessian, hessianVectorProduct } from '../../problems/derivatives/hessian.js';
import { differentiate, lossOf, type TensorGradient } from '../../problems/derivatives/tensor-gradient.js';
import { parametersOf } from '../../problems/parameter-tensors.js';
import type { Problems, Tf } from '../../problems/problem.js';
import type { BeginRequest, Engine, ShardState, WindowRequest, WindowResult } from '../engine.js';
import type { RolloutRequest } from '../rollout.js';
import { batchOf, drawShard, markWhere, zeroBad } from '../shard.js';
import { batchOn, type Shard, settleShard, takeShard, uploadData } from './device-shard.js';
import { healthOf, healthyCoordinates, selectRows } from './health.js';

/** Options of a tensor engine. */
export interface TensorEngineOptions {
  problems: Problems;
  architecture: ArchitectureConfig;
  /** TensorFlow.js with its backend set. */
  tf: Tf;
  /** The problems' gradient. @default automatic differentiation of their tensor loss */
  gradient?: TensorGradient;
  /**
   * Keep ∂∇_t/∂φ, by Hessian-vector products of the tensor loss; the kernel's state must then be columns. @default
   * false
   */
  secondDerivatives?: boolean;
  /** How the architecture is computed; closed with the engine. @default plain operations */
  kernel?: TensorKernel;
  /** Other resources that are closed with the engine. @default none */
  resources?: readonly { close(): void }[];
  name: string;
  /** The device in words. @default none */
  device?: string;
  /** Watches a device that may be lost. @default none */
  watch?: DeviceWatch;
}

/** What a window keeps for its backward pass. */
interface WindowRecord {
  /** ∇_0…∇_K. */
  gradients: tfjs.Tensor1D[];
  /** θ_0…θ_K if the backward pass goes step by step, otherwise θ_K. */
  thetas: tfjs.Tensor1D[];
  /** f_t(θ_t), K times [P]. */
  losses: tfjs.Tensor1D[];
  /** The same on the part to score on; none if there is no such part. */
  scores: tfjs.Tensor1D[];
}

/** Computes windows in one thread. */
export class TensorEngine implements Engine {
  readonly name: string;
  readonly description: string;
  readonly #tf: Tf;
  readonly #backend: string;
  readonly #problems: Problems;
  readonly #tensors: CoordinateLayout['tensors'];
  readonly #architecture: ArchitectureConfig;
  readonly #gradient: TensorGradient;
  readonly #secondDerivatives: boolean;
  readonly #kernel: TensorKernel;
  readonly #resources: readonly { close(): void }[];
  readonly #watch: DeviceWatch | undefined;
  #checked = false;

  constructor(options: TensorEngineOptions) {
    const { problems, architecture, tf, gradient, secondDerivatives = false, kernel, name, device, watch } = options;
    this.name = name;
    this.#tf = tf;
    this.#backend = tf.getBackend();
    this.#problems = problems;
    this.#tensors = parametersOf(problems).map(({ shape }) => shape);
    this.#architecture = architecture;
    this.#gradient = gradient ?? differentiate(tf, problems);
    this.#secondDerivatives = secondDerivatives;
    this.#kernel = kernel ?? createPlainKernel(tf, architecture);
    this.#resources = [...(options.resources ?? []), this.#kernel];
    this.#watch = watch;
    const parts = [`tfjs ${tf.version.tfjs}`, `backend ${this.#backend}`, device, this.#kernel.description];
    this.description = parts.filter((part) => part !== undefined).join(', ');
  }

  begin(request: BeginRequest): Promise<ShardState> {
    return this.#onDevice(() => this.#begin(request));
  }

  window(request: WindowRequest): Promise<WindowResult> {
    return this.#onDevice(() => this.#computeWindow(request));
  }

  rollout(phi: Float32Array, request: RolloutRequest): Promise<Float64Array> {
    return this.#onDevice(() => this.#rollout(phi, request));
  }

  close(): void {
    for (const resource of this.#resources) resource.close();
  }

  #onDevice<Result>(compute: () => Promise<Result>): Promise<Result> {
    useBackend(this.#tf, this.#backend);
    return watched(this.name, this.#watch, compute);
  }

  async #begin(request: BeginRequest): Promise<ShardState> {
    const { count, resident = false } = request;
    const hiddenLength = this.#kernel.stateLength(this.#layoutOf(count));
    const state = drawShard(this.#problems, request, hiddenLength);
    if (this.#secondDerivatives && !this.#checked) {
      await checkHessian(this.#tf, this.#problems, state.theta, batchOf(state), 0);
      this.#checked = true;
    }
    const arena = new Arena();
    try {
      const data = uploadData(this.#tf, state, arena);
      const theta = arena.hold(this.#tf.tensor1d(state.theta.slice()));
      const first = await this.#gradient(theta, batchOn(state, data), 0);
      arena.hold([first.losses, first.gradient]);
      const health = arena.hold(healthOf(this.#tf, [first.losses], [first.gradient]));
      const values = await health.data<'float32'>();
      state.initialLosses.set(values.subarray(0, count));
      const bad = markWhere(state, state.initialLosses, (p) => values[count + p] === 0);
      if (bad) zeroBad(state, state.theta);
      const mask = this.#maskOf(state, arena);
      const clean = (row: tfjs.Tensor1D) => arena.hold(selectRows(this.#tf, [row], mask))[0]!;
      const hidden = arena.hold(this.#kernel.zeroState(this.#layoutOf(count)));
      const shard = { theta: clean(theta), gradient: clean(first.gradient), hidden, data };
      await settleShard(this.#tf, this.#kernel, { state, shard, arena, resident });
      return state;
    } finally {
      arena.dispose();
    }
  }

  async #computeWindow(request: WindowRequest): Promise<WindowResult> {
    const { phi, state, steps, horizon = 0, forwardOnly = false, slopeLimit = 0, resident = false } = request;
    const layout = this.#layoutOf(state.count);
    const clock = { step: state.step, horizon };
    const lossWeights = request.lossWeights ?? new Float32Array(steps).fill(1);
    this.#kernel.loadPhi(phi);
    const arena = new Arena();
    try {
      const start = takeShard(this.#tf, this.#kernel, { state, layout, arena });
      const backward = !forwardOnly && !this.#stepwise;
      const passage = arena.holdPassage(this.#kernel.begin(start.hidden, { layout, clock, steps, backward }));
      const record = await this.#forward(passage, start, request, arena);
      const { gradients, thetas } = record;
      const extra = this.#rowsOf(request.updateGradient, steps, arena);
      // the values of a bad problem need not be finite, so the backward pass gets zeros instead
      let healthy = this.#maskOf(state, arena);
      const clean = (rows: readonly tfjs.Tensor1D[]) => arena.hold(selectRows(this.#tf, rows, healthy));
      const backwards = async (): Promise<Float32Array> => {
        if (forwardOnly) return new Float32Array(phi.length);
        const signal = { lossWeights, updateGradient: clean(extra), healthy };
        const slopes = this.#stepwise
          ? this.#stepBack(
              start,
              state,
              { phi, slopeLimit, layout, clock, gradients: clean(gradients), thetas: clean(thetas) },
              signal,
            )
          : passage.metaGradient({ last: clean([gradients[steps]!])[0]!, ...signal });
        return new Float32Array(await arena.hold(slopes).data<'float32'>());
      };
      // problems seldom go bad: the device runs backward while the host reads the losses, and again if one went bad
      const [health, early] = await Promise.all([this.#readHealth(state, passage, record, arena), backwards()]);
      if (health.newlyBad) healthy = this.#maskOf(state, arena);
      const metaGradient = health.newlyBad ? await backwards() : early;
      const [last, theta] = clean([gradients[steps]!, thetas.at(-1)!]) as [tfjs.Tensor1D, tfjs.Tensor1D];
      const hidden = arena.hold(passage.state(healthy));
      const shard = { theta, gradient: last, hidden, data: start.data };
      await settleShard(this.#tf, this.#kernel, { state, shard, arena, resident });
      state.step += steps;
      const { losses, scores } = health;
      return { state, metaGradient, losses, ...(scores && { scores }) };
    } finally {
      arena.dispose();
    }
  }

  async #rollout(phi: Float32Array, request: RolloutRequest): Promise<Float64Array> {
    const { count, horizon } = request;
    this.#kernel.loadPhi(phi);
    const state = drawShard(this.#problems, request, 0);
    const arena = new Arena();
    try {
      const batch = batchOn(state, uploadData(this.#tf, state, arena));
      let theta = arena.hold(this.#tf.tensor1d(state.theta.slice()));
      const layout = this.#layoutOf(count);
      const hidden = arena.hold(this.#kernel.zeroState(layout));
      const clock = { step: 0, horizon };
      const passage = arena.holdPassage(this.#kernel.begin(hidden, { layout, clock, steps: horizon, backward: false }));
      const losses: tfjs.Tensor1D[] = [];
      for (let t = 0; ; t++) {
        const slopes = await this.#gradient(theta, batch, t);
        losses.push(arena.hold(slopes.losses));
        arena.hold(slopes.gradient);
        if (t === horizon) break;
        const next = arena.hold(passage.step(slopes.gradient, theta));
        arena.drop([theta, slopes.gradient]);
        theta = next;
      }
      return new Float64Array(await arena.hold(this.#tf.stack(losses)).data());
    } finally {
      arena.dispose();
    }
  }

  /** Steps 1…K. */
  async #forward(
    passage: TensorPassage,
    start: Shard,
    { state, steps, scorePart }: Pick<WindowRequest, 'state' | 'steps' | 'scorePart'>,
    arena: Arena,
  ): Promise<WindowRecord> {
    const batch = batchOn(state, start.data);
    const keepsAll = this.#stepwise;
    const thetas = keepsAll ? [start.theta] : [];
    const result: WindowRecord = { gradients: [start.gradient], thetas, losses: [], scores: [] };
    let theta = start.theta;
    for (let s = 0; s < steps; s++) {
      const next = arena.hold(passage.step(result.gradients[s]!, theta));
      if (s > 0 && !keepsAll) arena.drop(theta);
      theta = next;
      if (keepsAll || s === steps - 1) result.thetas.push(theta);
      const slopes = await this.#gradient(theta, batch, state.step + s + 1);
      result.gradients.push(arena.hold(slopes.gradient));
      result.losses.push(arena.hold(slopes.losses));
      if (!scorePart) continue;
      const scoring = { ...batch, part: scorePart };
      result.scores.push(arena.hold(lossOf(this.#tf, this.#problems, theta, scoring, state.step + s + 1)));
    }
    return result;
  }

  /** Reads the losses, [K × P], and marks the problems that went bad in these steps. */
  async #readHealth(
    state: ShardState,
    passage: TensorPassage,
    { losses, gradients, scores }: WindowRecord,
    arena: Arena,
  ): Promise<{ losses: Float64Array; scores?: Float64Array; newlyBad: boolean }> {
    const after = gradients.slice(1);
    const health = passage.health?.(losses, after.at(-1)!) ?? healthOf(this.#tf, losses, after);
    const values = await arena.hold(health).data<'float32'>();
    const flags = losses.length * state.count;
    const stepLosses = Float64Array.from(values.subarray(0, flags));
    const newlyBad = markWhere(state, stepLosses, (p) => values[flags + p] === 0);
    if (scores.length === 0) return { losses: stepLosses, newlyBad };
    const scored = Float64Array.from(await arena.hold(this.#tf.concat(scores)).data<'float32'>());
    return { losses: stepLosses, scores: scored, newlyBad: markWhere(state, scored, () => true) || newlyBad };
  }

  /** A mask of the coordinates of healthy problems; undefined if all are healthy. */
  #maskOf(state: ShardState, arena: Arena): tfjs.Tensor1D | undefined {
    return state.healthy.includes(0) ? arena.hold(healthyCoordinates(this.#tf, state)) : undefined;
  }

  /**
   * Whether the backward pass goes step by step: to keep second derivatives, and through what reads more than gradients.
   */
  get #stepwise(): boolean {
    const spec = architectureOf(this.#architecture);
    return this.#secondDerivatives || spec.reads(this.#architecture).some((reading) => reading !== 'gradient');
  }

  #layoutOf(count: number): CoordinateLayout {
    return { problems: count, tensors: this.#tensors };
  }

  /** dL/dφ step by step, from ∇_0…∇_K and θ_0…θ_K. */
  #stepBack(
    start: Shard,
    state: ShardState,
    window: Omit<UnrolledWindow, 'hessian' | 'initialState' | keyof WindowSignal>,
    { healthy, ...signal }: Omit<WindowSignal, 'last'>,
  ): tfjs.Tensor1D {
    const tf = this.#tf;
    const batch = batchOn(state, start.data);
    const columns = start.hidden as ColumnState;
    return tf.tidy(() =>
      unrolledMetaGradient(tf, this.#architecture, {
        ...signal,
        ...window,
        initialState: healthy ? selectState(tf, columns, healthy, state.count) : columns,
        ...(this.#secondDerivatives && {
          hessian: (t: number, vector: tfjs.Tensor1D) => {
            const theta = window.thetas[t]!;
            const product = hessianVectorProduct(tf, this.#problems, theta, vector, batch, state.step + t);
            // a bad problem's Hessian need not be finite even at θ = 0
            return selectRows(tf, [product], healthy)[0]!;
          },
        }),
      }),
    );
  }

  /** The rows of [K × N]; none if there is no matrix. */
  #rowsOf(matrix: Float32Array | undefined, steps: number, arena: Arena): tfjs.Tensor1D[] {
    if (!matrix) return [];
    const length = matrix.length / steps;
    return Array.from({ length: steps }, (_, s) =>
      arena.hold(this.#tf.tensor1d(matrix.slice(s * length, (s + 1) * length))),
    );
  }
}
