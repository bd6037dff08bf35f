/** The wasm engine: windows on the CPU, by the SIMD kernel and the problems' closed-form gradients. */
import { createHash } from 'node:crypto';
import type { ArchitectureConfig } from '../../../shared/architectures/architecture.js';
import { hasMoments } from '../../../shared/architectures/lstm.js';
import { LoptError } from '../../../shared/errors.js';
import { phiLength } from '../../../shared/phi.js';
import type { Key } from '../../../shared/random.js';
import { Kernel, kernelBytes } from '../../architectures/lstm/wasm/kernel-module.js';
import {
  advanceBlock,
  type Block,
  type Layout,
  makeLayout,
  paddedLength,
  recordOf,
  type SecondOrderLayout,
  type StepPointers,
  stateOf,
  zeroLanes,
} from '../../architectures/lstm/wasm/layout.js';
import { backwardThroughProblems, keepCheckpoint } from '../../architectures/lstm/wasm/second-order.js';
import type { Optimizer } from '../../baselines/optimizer.js';
import type { Gradient, HessianProduct, Problems, Split } from '../../problems/problem.js';
import type { Engine, ShardState, WindowRequest, WindowResult } from '../engine.js';
import { type WalkRequest, walk } from '../rollout.js';
import { batchOf, beginShard, markBad, sumLosses, zeroBad } from '../shard.js';

/** Options of the wasm engine. */
export interface WasmEngineOptions {
  problems: Problems;
  architecture: ArchitectureConfig;
  /** The problems' gradient: their closed form, or one made from their tensor loss. */
  gradient: Gradient;
  /** The problems' H·v: with it, second derivatives are kept; not with RNNProp's inputs. @default they are dropped */
  hessian?: HessianProduct | undefined;
  /** The largest slope of LogAndSign that second derivatives go back through. @default no limit */
  slopeLimit?: number;
  /** No fused multiply-add: the same bits on any processor. @default false */
  strict?: boolean;
  /**
   * The activations of a window are kept up to this many bytes; above, the backward pass replays them to the same bits: block
   * by block, or with second derivatives, for which all blocks go together, five steps at a time. @default 32 MiB
   */
  activationBudget?: number;
}

/** Computes windows in one thread; not to be shared between threads. */
export class WasmEngine implements Engine {
  readonly name = 'wasm';
  readonly description: string;
  readonly #problems: Problems;
  readonly #gradient: Gradient;
  readonly #hessian: HessianProduct | undefined;
  readonly #slopeLimit: number;
  readonly #kernel: Kernel;
  readonly #phi: number;
  readonly #phiLength: number;
  readonly #budget: number;
  #layout: Layout | undefined;

  constructor(options: WasmEngineOptions) {
    const { problems, architecture, gradient, hessian, strict = false, activationBudget = 32 * 2 ** 20 } = options;
    if (hessian && hasMoments(architecture)) {
      throw new LoptError(
        `Cannot keep second derivatives: the architecture's inputs must not be ${architecture.preprocessing}`,
      );
    }
    this.#problems = problems;
    this.#gradient = gradient;
    this.#hessian = hessian;
    this.#slopeLimit = options.slopeLimit ?? Number.POSITIVE_INFINITY;
    this.#kernel = new Kernel(architecture, strict);
    this.#phiLength = phiLength(architecture);
    this.#phi = this.#kernel.allocate(4 * this.#phiLength);
    this.#kernel.hold();
    this.#budget = activationBudget;
    const hash = createHash('sha256').update(kernelBytes(strict)).digest('hex');
    this.description = `wasm kernel ${hash.slice(0, 12)} (${strict ? 'strict' : 'relaxed'} SIMD)`;
  }

  loadPhi(phi: Float32Array): void {
    this.#kernel.floats(this.#phi, this.#phiLength).set(phi);
    this.#kernel.exports.loadPhi(this.#phi);
  }

  async begin(key: Key, count: number, split: Split): Promise<ShardState> {
    const hiddenLength = this.#kernel.stateRows * paddedLength(count * this.#problems.coordinates);
    return beginShard(this.#problems, this.#gradient, key, count, split, hiddenLength);
  }

  async window(request: WindowRequest): Promise<WindowResult> {
    const { state, steps } = request;
    const layout = this.#layoutFor(state.theta.length, state.count, steps, request.updateGradient !== undefined);
    const { views } = layout;
    views.gradients[0]!.set(state.gradient);
    views.initialState.set(state.hidden);
    if (request.lossWeights) views.lossWeights.set(request.lossWeights);
    else views.lossWeights.fill(1);
    views.updateGradient.forEach((row, s) => {
      row.set(request.updateGradient!.subarray(s * row.length, (s + 1) * row.length));
    });

    const { stepLosses, thetas } = this.#forward(layout, state);
    // without a gradient a problem's dL/dg is zero, and zero times the finite activations of its records stays so
    for (const row of [...views.gradients, ...views.updateGradient]) zeroBad(state, row);
    views.metaGradient.fill(0);
    if (!request.forwardOnly) {
      if (layout.secondOrder) this.#backwardThroughProblems(layout, layout.secondOrder, state, thetas);
      else this.#backward(layout);
    }

    state.gradient.set(views.gradients[steps]!);
    if (!layout.keep) state.hidden.set(views.state);
    else for (const block of layout.blocks) this.#readState(layout, block, state.hidden);
    for (const [first, end] of badRanges(state)) {
      zeroLanes(state.hidden, this.#kernel.stateRows, layout.blocks, first, end);
    }
    state.step += steps;
    return { state, metaGradient: views.metaGradient.slice(), ...sumLosses(state, stepLosses, views.lossWeights) };
  }

  async walk(request: WalkRequest): Promise<Float64Array> {
    return walk(this.#optimizer(), this.#problems, this.#gradient, request);
  }

  close(): void {
    this.#layout = undefined;
  }

  /** The learned optimizer; valid until the next call. */
  #optimizer(): Optimizer<Float32Array> {
    return {
      name: 'learned',
      init: (coordinates) => new Float32Array(this.#kernel.stateRows * paddedLength(coordinates)),
      update: (gradient, state) => {
        const { views, blocks, ...layout } = this.#layoutFor(gradient.length, 1, 1, false);
        views.gradients[0]!.set(gradient);
        views.initialState.set(state);
        const at: StepPointers = {
          gradient: layout.gradients,
          state: layout.initialState,
          record: layout.records,
          updates: layout.updates,
        };
        for (const block of blocks) advanceBlock(this.#kernel, block, at);
        return { updates: views.updates.slice(), state: views.initialState.slice() };
      },
    };
  }

  /** Steps 1…K. Returns f_t(θ_t) of every problem, [K × P], and θ_1…θ_{K−1} where second derivatives are kept. */
  #forward(layout: Layout, state: ShardState): { stepLosses: Float64Array; thetas: Float32Array[] } {
    const { views, blocks, keep } = layout;
    const { exports: kernel } = this.#kernel;
    const { theta } = state;
    const batch = batchOf(state);
    const losses = new Float64Array(state.count);
    const stepLosses = new Float64Array(layout.steps * state.count);
    const thetas: Float32Array[] = [];
    if (keep) for (const block of blocks) this.#placeInitialState(layout, block);
    else views.state.set(views.initialState);

    for (let s = 0; s < layout.steps; s++) {
      const gradient = layout.gradients + s * layout.rowBytes;
      if (layout.secondOrder && !keep) keepCheckpoint(this.#kernel, layout, layout.secondOrder, s);
      for (const block of blocks) {
        if (keep) {
          const { first, width } = block;
          const record = recordOf(this.#kernel, layout, block, s + 1);
          const blockState = stateOf(this.#kernel, layout, block, s);
          kernel.forwardBlock(gradient + 4 * first, blockState, record, layout.updates + 4 * first, width);
        } else {
          const { state: running, records: record, updates } = layout;
          advanceBlock(this.#kernel, block, { gradient, state: running, record, updates });
        }
      }
      for (let i = 0; i < theta.length; i++) theta[i] = theta[i]! + views.updates[i]!;
      const row = views.gradients[s + 1]!;
      this.#gradient(theta, batch, state.step + s + 1, row, losses);
      markBad(state, losses, row);
      zeroBad(state, theta);
      zeroBad(state, row);
      stepLosses.set(losses, s * state.count);
      if (layout.secondOrder && s + 1 < layout.steps) thetas.push(theta.slice());
    }
    return { stepLosses, thetas };
  }

  #backwardThroughProblems(
    layout: Layout,
    order: SecondOrderLayout,
    state: ShardState,
    thetas: readonly Float32Array[],
  ): void {
    const batch = batchOf(state);
    const hessian = (t: number, vector: Float32Array, product: Float32Array) => {
      this.#hessian!(thetas[t - 1]!, vector, batch, state.step + t, product);
      // of a bad problem neither θ nor H need be finite
      zeroBad(state, product);
    };
    backwardThroughProblems(this.#kernel, layout, order, { hessian, slopeLimit: this.#slopeLimit });
  }

  #backward(layout: Layout): void {
    const { exports: kernel } = this.#kernel;
    for (const block of layout.blocks) {
      const { first, width } = block;
      const gradients = layout.gradients + 4 * first;
      if (!layout.keep) {
        this.#placeInitialState(layout, block);
        for (let s = 0; s < layout.steps; s++) {
          const gradient = gradients + s * layout.rowBytes;
          const record = recordOf(this.#kernel, layout, block, s + 1);
          kernel.forwardBlock(
            gradient,
            stateOf(this.#kernel, layout, block, s),
            record,
            layout.updates + 4 * first,
            width,
          );
        }
      }
      kernel.backwardBlock(
        recordOf(this.#kernel, layout, block, 0),
        layout.steps,
        gradients,
        layout.rowBytes,
        layout.lossWeights,
        layout.updateGradient === 0 ? 0 : layout.updateGradient + 4 * first,
        layout.scratch,
        layout.metaGradient,
        width,
      );
    }
  }

  #placeInitialState(layout: Layout, block: Block): void {
    const { stateRows } = this.#kernel;
    const start = stateRows * block.first;
    const rows = layout.views.initialState.subarray(start, start + stateRows * block.width);
    this.#kernel.floats(stateOf(this.#kernel, layout, block, 0), rows.length).set(rows);
  }

  #readState(layout: Layout, block: Block, hidden: Float32Array): void {
    const { stateRows } = this.#kernel;
    const rows = this.#kernel.floats(stateOf(this.#kernel, layout, block, layout.steps), stateRows * block.width);
    hidden.set(rows, stateRows * block.first);
  }

  #layoutFor(coordinates: number, count: number, steps: number, withUpdateGradient: boolean): Layout {
    const current = this.#layout;
    if (
      current?.coordinates === coordinates &&
      current.count === count &&
      current.steps === steps &&
      (current.updateGradient !== 0) === withUpdateGradient
    ) {
      return current;
    }
    this.#layout = makeLayout(this.#kernel, {
      coordinates,
      count,
      steps,
      phiLength: this.#phiLength,
      withUpdateGradient,
      secondDerivatives: this.#hessian !== undefined,
      activationBudget: this.#budget,
    });
    return this.#layout;
  }
}

/** The coordinates [first, end) of every bad problem. */
function* badRanges(state: ShardState): Generator<readonly [number, number]> {
  const coordinates = state.theta.length / state.count;
  for (let p = 0; p < state.count; p++) {
    if (state.healthy[p] === 0) yield [p * coordinates, (p + 1) * coordinates];
  }
}
