/** The buffers of a window on the device, and the commands that compute it. */

import { BindGroups } from '../../../devices/webgpu/bind-groups.js';
import type { DeviceBuffers } from '../../../devices/webgpu/device-buffers.js';
import { backwardParameters } from './backward-shader.js';
import { FORWARD_OUTPUTS, type ForwardParameters, forwardParameters } from './forward-shader.js';
import { type LstmPlan, tilesOf } from './plan.js';
import { finiteParameters, SMALL_WORKGROUP, SUM_ROWS } from './small-shaders.js';

/** Resources that the windows of one LSTM share. */
export interface SharedResources {
  plan: LstmPlan;
  device: GPUDevice;
  phiLength: number;
  pipelines: Record<'forward' | 'backward' | 'sum' | 'zero' | 'finite', GPUComputePipeline>;
  weights: GPUBuffer;
  /** 0, 1, 2, … over a partial dφ. */
  everyEntry: GPUBuffer;
  /** The index of each entry of φ in a partial dφ. */
  phiEntries: GPUBuffer;
}

/** Options of a window. */
export interface LstmWindowOptions {
  shared: SharedResources;
  buffers: DeviceBuffers;
  /** N. */
  coordinates: number;
  /** The largest K. */
  steps: number;
  /** Most bytes of states that are kept. */
  stateBudget: number;
  /** Most bytes of states in one buffer. */
  largestBuffer: number;
}

/** A run of tiles whose states and gradients fit a binding. */
interface Slab {
  firstTile: number;
  tiles: number;
  /** [slots][tiles][stateRows][tile]. Slot 0 is h_0, followed by one for every step, or by two used in turn. */
  states: GPUBuffer;
  /** ∇_0…∇_K, [steps + 1][tiles·tile]. */
  gradients: GPUBuffer;
  /** An additional dL/dg, [steps][tiles·tile]. */
  extra?: GPUBuffer;
}

/** Options of the backward pass. */
export interface BackwardOptions {
  /** K, the steps that went forward. @default the window's */
  steps?: number;
  /**
   * Compute the states again from h_0, as after `zeroCoordinates`; coordinates that were not zeroed keep their bits.
   * Read h_K before. @default false
   */
  replay?: boolean;
  /** Whether `setExtra` was called for every step of this window. @default false */
  extra?: boolean;
}

/**
 * One window at a time: `setState`, then for s = 0…K−1 `setGradient` of ∇_s and `forward`; `setGradient` of ∇_K,
 * `setLossWeights`, `backward`. All but `setLossWeights` append commands to the given encoder, which the caller
 * submits. Buffers of the caller need the usages STORAGE, COPY_SRC and COPY_DST.
 */
export class LstmWindow {
  readonly coordinates: number;
  readonly steps: number;
  /** Bytes of a state of all coordinates: [tiles][stateRows][tile], as `packState` makes it. */
  readonly stateBytes: number;
  /** dφ, [phiLength], once the commands of `backward` have run. */
  readonly metaGradient: GPUBuffer;
  /** For θ, [N] each: `forward` from one to the other reuses its bind groups, as with any buffers that recur. */
  readonly points: readonly [GPUBuffer, GPUBuffer];
  /** Whether the states of all steps are kept. */
  readonly keep: boolean;
  readonly #shared: SharedResources;
  readonly #buffers: DeviceBuffers;
  readonly #bindGroups: BindGroups;
  readonly #slabs: Slab[] = [];
  readonly #lossWeights: GPUBuffer;
  readonly #partials: GPUBuffer;
  readonly #partialSums: GPUBuffer;
  readonly #nothing: GPUBuffer;
  readonly #groupTiles: number;
  readonly #groups: number;
  readonly #tileVectors: number;
  readonly #largestBuffer: number;
  #scratch: GPUBuffer | undefined;

  constructor({ shared, buffers, coordinates, steps, stateBudget, largestBuffer }: LstmWindowOptions) {
    const { plan } = shared;
    this.#shared = shared;
    this.#largestBuffer = largestBuffer;
    this.#buffers = buffers;
    this.#bindGroups = new BindGroups(shared.device);
    this.coordinates = coordinates;
    this.steps = steps;
    const tiles = tilesOf(plan, coordinates);
    this.#tileVectors = plan.stateRows * plan.lanes;
    this.stateBytes = 16 * tiles * this.#tileVectors;
    this.keep = (steps + 1) * this.stateBytes <= stateBudget;

    // the groups, and with them the order of sums, depend on N and the network alone
    this.#groupTiles = Math.ceil(tiles / plan.groups);
    this.#groups = Math.ceil(tiles / this.#groupTiles);

    const slots = this.keep ? steps + 1 : 3;
    const slabTiles = this.#fittingTiles(slots);
    for (let firstTile = 0; firstTile < tiles; firstTile += slabTiles) {
      const count = Math.min(slabTiles, tiles - firstTile);
      this.#slabs.push({
        firstTile,
        tiles: count,
        states: buffers.storage('states', 16 * slots * count * this.#tileVectors),
        gradients: buffers.storage('gradients', 4 * (steps + 1) * count * plan.tile),
      });
    }
    this.#lossWeights = buffers.storage('loss weights', 4 * steps);
    this.#partials = buffers.storage('partial dφ', 4 * this.#groups * plan.partialLength);
    this.#partialSums = buffers.storage('sums of partial dφ', 4 * SUM_ROWS * plan.partialLength);
    this.metaGradient = buffers.storage('dφ', 4 * shared.phiLength);
    this.#nothing = buffers.storage('nothing', 16);
    this.points = [buffers.storage('θ', 4 * coordinates), buffers.storage('θ', 4 * coordinates)];
    this.setLossWeights(new Float32Array(steps).fill(1));
  }

  /** w_1…w_K for the commands that are submitted from now on; initially all 1. */
  setLossWeights(weights: Float32Array): void {
    this.#shared.device.queue.writeBuffer(this.#lossWeights, 0, Float32Array.from(weights));
  }

  /** h_0 from a buffer of `stateBytes`. */
  setState(encoder: GPUCommandEncoder, state: GPUBuffer): void {
    for (const slab of this.#slabs) {
      const at = 16 * slab.firstTile * this.#tileVectors;
      encoder.copyBufferToBuffer(state, at, slab.states, 0, 16 * slab.tiles * this.#tileVectors);
    }
  }

  /** h_s into a buffer of `stateBytes`: of the last step, or of any step if the states are kept. */
  getState(encoder: GPUCommandEncoder, s: number, state: GPUBuffer): void {
    for (const slab of this.#slabs) {
      const bytes = 16 * slab.tiles * this.#tileVectors;
      const at = 16 * slab.firstTile * this.#tileVectors;
      encoder.copyBufferToBuffer(slab.states, this.#slot(s) * bytes, state, at, bytes);
    }
  }

  /** ∇_s, [N]. */
  setGradient(encoder: GPUCommandEncoder, s: number, gradient: GPUBuffer): void {
    for (const slab of this.#slabs) this.#copyRow(encoder, slab, gradient, slab.gradients, s);
  }

  /** An additional dL/dg_s, [N]. */
  setExtra(encoder: GPUCommandEncoder, s: number, extra: GPUBuffer): void {
    const { tile } = this.#shared.plan;
    for (const slab of this.#slabs) {
      slab.extra ??= this.#buffers.storage('additional dL/dg', 4 * this.steps * slab.tiles * tile);
      this.#copyRow(encoder, slab, extra, slab.extra, s);
    }
  }

  /**
   * (g_s, h_{s+1}) = m(∇_s, h_s, φ): `output` [N] becomes θ + g_s, or g_s if no θ [N] is given; it must not be θ's
   * buffer. One dispatch for every slab; there is one slab unless a binding cannot hold all states.
   */
  forward(encoder: GPUCommandEncoder, s: number, output: GPUBuffer, theta?: GPUBuffer): void {
    const pass = encoder.beginComputePass();
    for (const slab of this.#slabs) {
      this.#encodeForward(pass, slab, slab.states, theta, output, {
        tiles: slab.tiles,
        steps: 1,
        output: theta ? FORWARD_OUTPUTS.theta : FORWARD_OUTPUTS.updates,
        before: this.#slot(s) * slab.tiles * this.#tileVectors,
        after: this.#slot(s + 1) * slab.tiles * this.#tileVectors,
        stateStride: 0,
        gradient: s * slab.tiles * this.#shared.plan.lanes,
        gradientStride: 0,
      });
    }
    pass.end();
  }

  /** Zeroes h_0, h_K and all gradients for the coordinates where `mask` [N] is 0, even if they are not finite. */
  zeroCoordinates(encoder: GPUCommandEncoder, mask: GPUBuffer, steps: number = this.steps): void {
    const { plan, pipelines } = this.#shared;
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipelines.zero);
    for (const slab of this.#slabs) {
      const { columns, rows } = gridOf(slab.tiles, this.#shared.device);
      const final = this.#slot(steps) * slab.tiles * this.#tileVectors;
      const numbers = [slab.tiles, columns, 0, final, steps + 1, slab.tiles * plan.lanes];
      const parameters = Uint32Array.of(...numbers, slab.firstTile * plan.tile, this.coordinates);
      this.#bind(pass, pipelines.zero, [mask, slab.gradients, slab.states, this.#buffers.uniform(parameters)]);
      pass.dispatchWorkgroups(columns, rows);
    }
    pass.end();
  }

  /**
   * Writes 1 to `flags`, from index `at` on, for every problem of `width` coordinates whose ∇_1…∇_K are not all finite.
   */
  flagProblems(encoder: GPUCommandEncoder, steps: number, width: number, flags: GPUBuffer, at: number): void {
    const { plan, pipelines, device } = this.#shared;
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipelines.finite);
    for (const slab of this.#slabs) {
      const { columns, rows } = gridOf(slab.tiles, device);
      const parameters = finiteParameters({
        tiles: slab.tiles,
        gridWidth: columns,
        rows: steps,
        gradientStride: slab.tiles * plan.lanes,
        first: slab.firstTile * plan.tile,
        coordinates: this.coordinates,
        width,
        flags: at,
      });
      this.#bind(pass, pipelines.finite, [slab.gradients, flags, this.#buffers.uniform(parameters)]);
      pass.dispatchWorkgroups(columns, rows);
    }
    pass.end();
  }

  /**
   * dφ = d/dφ Σ_s <g_s, Σ_{t>s} w_t ∇_t + extra_s> into `metaGradient`, with all gradients as constants. Three
   * dispatches if there is one slab and its states are kept; a replay adds one, and every slice has its own.
   */
  backward(encoder: GPUCommandEncoder, options: BackwardOptions = {}): void {
    const { replay = false, extra = false, steps = this.steps } = options;
    for (const slab of this.#slabs) {
      if (this.keep) {
        if (replay) this.#replay(encoder, slab, 0, slab.tiles, slab.states, steps);
        this.#backwardSlice(encoder, slab, 0, slab.tiles, slab.states, steps, extra);
      } else {
        const sliceTiles = this.#fittingTiles(this.steps + 1);
        const most = Math.min(sliceTiles, this.#slabs[0]!.tiles);
        this.#scratch ??= this.#buffers.storage('replay', 16 * (this.steps + 1) * most * this.#tileVectors);
        for (let first = 0; first < slab.tiles; first += sliceTiles) {
          const tiles = Math.min(sliceTiles, slab.tiles - first);
          const bytes = 16 * this.#tileVectors;
          encoder.copyBufferToBuffer(slab.states, first * bytes, this.#scratch, 0, tiles * bytes);
          this.#replay(encoder, slab, first, tiles, this.#scratch, steps);
          this.#backwardSlice(encoder, slab, first, tiles, this.#scratch, steps, extra);
        }
      }
    }
    this.#sum(encoder);
  }

  /** Destroys the window's buffers. */
  close(): void {
    this.#bindGroups.clear();
    this.#buffers.close();
  }

  /** The slot of h_s. */
  #slot(s: number): number {
    return this.keep || s === 0 ? s : 1 + ((s - 1) % 2);
  }

  /** How many tiles, in whole groups, fit a buffer with this many states each. */
  #fittingTiles(slots: number): number {
    const groups = Math.floor(this.#largestBuffer / (16 * slots * this.#tileVectors * this.#groupTiles));
    return Math.max(1, groups) * this.#groupTiles;
  }

  #copyRow(encoder: GPUCommandEncoder, slab: Slab, from: GPUBuffer, to: GPUBuffer, row: number): void {
    const { tile } = this.#shared.plan;
    const first = slab.firstTile * tile;
    const count = Math.min(slab.tiles * tile, this.coordinates - first);
    encoder.copyBufferToBuffer(from, 4 * first, to, 4 * row * slab.tiles * tile, 4 * count);
  }

  #encodeForward(
    pass: GPUComputePassEncoder,
    slab: Slab,
    states: GPUBuffer,
    theta: GPUBuffer | undefined,
    output: GPUBuffer,
    parameters: Omit<ForwardParameters, 'gridWidth' | 'first' | 'coordinates'>,
  ): void {
    const { plan, pipelines, device, weights } = this.#shared;
    const { columns, rows } = gridOf(parameters.tiles, device);
    const first = slab.firstTile * plan.tile;
    const block = forwardParameters({ ...parameters, gridWidth: columns, first, coordinates: this.coordinates });
    pass.setPipeline(pipelines.forward);
    const given = theta ?? slab.gradients;
    this.#bind(pass, pipelines.forward, [weights, slab.gradients, states, given, output, this.#buffers.uniform(block)]);
    pass.dispatchWorkgroups(columns, rows);
  }

  /** Computes h_1…h_K of some of a slab's tiles from h_0 again, in `states` [K + 1][tiles]. */
  #replay(
    encoder: GPUCommandEncoder,
    slab: Slab,
    first: number,
    tiles: number,
    states: GPUBuffer,
    steps: number,
  ): void {
    const { lanes } = this.#shared.plan;
    const pass = encoder.beginComputePass();
    this.#encodeForward(pass, slab, states, undefined, this.#nothing, {
      tiles,
      steps,
      output: FORWARD_OUTPUTS.nothing,
      before: 0,
      after: tiles * this.#tileVectors,
      stateStride: tiles * this.#tileVectors,
      gradient: first * lanes,
      gradientStride: slab.tiles * lanes,
    });
    pass.end();
  }

  /** Computes the partial dφ's of some of a slab's tiles, whose states are [K + 1][tiles]. */
  #backwardSlice(
    encoder: GPUCommandEncoder,
    slab: Slab,
    first: number,
    tiles: number,
    states: GPUBuffer,
    steps: number,
    extra: boolean,
  ): void {
    const { plan, pipelines, weights } = this.#shared;
    const groups = Math.ceil(tiles / this.#groupTiles);
    const parameters = backwardParameters({
      tiles,
      groupTiles: this.#groupTiles,
      steps,
      extra: extra ? 1 : 0,
      state: 0,
      stateStride: tiles * this.#tileVectors,
      gradient: first * plan.lanes,
      gradientStride: slab.tiles * plan.lanes,
      partial: (slab.firstTile + first) / this.#groupTiles,
    });
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipelines.backward);
    const more = (extra ? slab.extra : undefined) ?? slab.gradients;
    const entries = [weights, slab.gradients, states, more, this.#lossWeights, this.#partials];
    this.#bind(pass, pipelines.backward, [...entries, this.#buffers.uniform(parameters)]);
    pass.dispatchWorkgroups(groups);
    pass.end();
  }

  /** Sums the partial dφ's. */
  #sum(encoder: GPUCommandEncoder): void {
    const { plan, pipelines, everyEntry, phiEntries, phiLength } = this.#shared;
    const run = Math.ceil(this.#groups / SUM_ROWS);
    const runs = Math.ceil(this.#groups / run);
    const length = plan.partialLength;
    const first = this.#buffers.uniform(Uint32Array.of(this.#groups, run, length, length));
    const second = this.#buffers.uniform(Uint32Array.of(runs, runs, length, phiLength));
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipelines.sum);
    this.#bind(pass, pipelines.sum, [this.#partials, everyEntry, this.#partialSums, first]);
    pass.dispatchWorkgroups(Math.ceil(length / SMALL_WORKGROUP), runs);
    this.#bind(pass, pipelines.sum, [this.#partialSums, phiEntries, this.metaGradient, second]);
    pass.dispatchWorkgroups(Math.ceil(phiLength / SMALL_WORKGROUP));
    pass.end();
  }

  #bind(pass: GPUComputePassEncoder, pipeline: GPUComputePipeline, buffers: readonly GPUBuffer[]): void {
    pass.setBindGroup(0, this.#bindGroups.of(pipeline, buffers));
  }
}

/** A grid of at least this many workgroups, within the device's limit for each dimension. */
function gridOf(workgroups: number, { limits }: GPUDevice): { columns: number; rows: number } {
  const columns = Math.min(workgroups, limits.maxComputeWorkgroupsPerDimension);
  return { columns, rows: Math.ceil(workgroups / columns) };
}
