/** The LSTM's windows in blocks of coordinates, each of which stays in the processor's cache, by any of its kernels. */
import type { LstmConfig } from '../../../../shared/architectures/lstm.js';
import { phiLength } from '../../../../shared/phi.js';
import type {
  HostKernel,
  HostKernelOptions,
  HostWalk,
  HostWindow,
  HostWindowShape,
  StepHessian,
} from '../../host-kernel.js';
import { type Clock, type CoordinateLayout, coordinatesIn, coordinatesPerProblem } from '../../layout.js';
import { arithmeticOf, type BlockKernel } from './kernel.js';
import {
  advanceBlock,
  type Block,
  blocksOf,
  type Layout,
  makeLayout,
  paddedLength,
  recordOf,
  stateOf,
  zeroLanes,
} from './layout.js';
import { backwardThroughProblems, keepCheckpoint } from './second-order.js';

/**
 * Computes in one thread. If a window's activations exceed their budget, the backward pass computes them again, to the
 * same bits: block by block, or, with second derivatives, five steps at a time for all blocks together.
 */
export class BlockLstm implements HostKernel {
  readonly description: string;
  readonly #kernel: BlockKernel;
  readonly #phi: number;
  readonly #phiLength: number;
  readonly #budget: number;
  #window: BlockWindow | undefined;

  constructor(
    create: (network: LstmConfig, strict: boolean) => BlockKernel,
    network: LstmConfig,
    { strict, activationBudget }: HostKernelOptions,
  ) {
    this.#kernel = create(network, strict);
    this.#phiLength = phiLength(network);
    this.#phi = this.#kernel.memory.allocate(4 * this.#phiLength);
    this.#kernel.memory.hold();
    this.#budget = activationBudget ?? this.#kernel.activationBudget;
    this.description = arithmeticOf(strict);
  }

  loadPhi(phi: Float32Array): void {
    this.#kernel.memory.floats(this.#phi, this.#phiLength).set(phi);
    this.#kernel.passes.loadPhi(this.#phi);
  }

  stateLength(layout: CoordinateLayout): number {
    return this.#kernel.stateRows * paddedLength(coordinatesIn(layout));
  }

  window(shape: HostWindowShape): HostWindow {
    return this.#windowOf(shape);
  }

  walk(layout: CoordinateLayout, _clock: Clock, hidden?: Float32Array): HostWalk {
    const window = this.#windowOf({ layout, steps: 1, updateGradient: false, secondDerivatives: false });
    return window.walk(hidden);
  }

  #windowOf(shape: HostWindowShape): BlockWindow {
    if (!this.#window?.fits(shape)) {
      const coordinates = coordinatesIn(shape.layout);
      const request = { ...shape, coordinates, phiLength: this.#phiLength, activationBudget: this.#budget };
      this.#window = new BlockWindow(this.#kernel, shape, makeLayout(this.#kernel, request));
    }
    return this.#window;
  }

  zeroState(hidden: Float32Array, layout: CoordinateLayout, problem: number): void {
    const own = coordinatesPerProblem(layout);
    zeroLanes(hidden, this.#kernel.stateRows, blocksOf(coordinatesIn(layout)), problem * own, (problem + 1) * own);
  }
}

class BlockWindow implements HostWindow {
  readonly gradients: readonly Float32Array[];
  readonly lossWeights: Float32Array;
  readonly updateGradient: readonly Float32Array[];
  readonly #kernel: BlockKernel;
  readonly #shape: HostWindowShape;
  readonly #layout: Layout;

  constructor(kernel: BlockKernel, shape: HostWindowShape, layout: Layout) {
    this.#kernel = kernel;
    this.#shape = shape;
    this.#layout = layout;
    this.gradients = layout.views.gradients;
    this.lossWeights = layout.views.lossWeights;
    this.updateGradient = layout.views.updateGradient;
  }

  /** Whether its memory is laid out for windows of this shape. */
  fits({ layout, steps, updateGradient, secondDerivatives }: HostWindowShape): boolean {
    const own = this.#shape;
    return (
      coordinatesIn(own.layout) === coordinatesIn(layout) &&
      own.steps === steps &&
      own.updateGradient === updateGradient &&
      own.secondDerivatives === secondDerivatives
    );
  }

  begin(hidden: Float32Array): void {
    const { views, blocks, keep } = this.#layout;
    views.initialState.set(hidden);
    if (keep) for (const block of blocks) this.#placeInitialState(block);
    else views.state.set(views.initialState);
  }

  step(s: number): Float32Array {
    const layout = this.#layout;
    const { views, blocks, keep, updates } = layout;
    const gradient = layout.gradients + s * layout.rowBytes;
    if (layout.secondOrder && !keep) keepCheckpoint(this.#kernel, layout, layout.secondOrder, s);
    for (const block of blocks) {
      if (keep) this.#forwardBlock(block, s);
      else advanceBlock(this.#kernel, block, { gradient, state: layout.state, record: layout.records, updates });
    }
    return views.updates;
  }

  backward(): Float32Array {
    const layout = this.#layout;
    const { metaGradient } = layout.views;
    metaGradient.fill(0);
    for (const block of layout.blocks) {
      const { first, width } = block;
      if (!layout.keep) {
        this.#placeInitialState(block);
        for (let s = 0; s < layout.steps; s++) this.#forwardBlock(block, s);
      }
      this.#kernel.passes.backwardBlock(
        recordOf(this.#kernel, layout, block, 0),
        layout.steps,
        layout.gradients + 4 * first,
        layout.rowBytes,
        layout.lossWeights,
        layout.updateGradient === 0 ? 0 : layout.updateGradient + 4 * first,
        layout.scratch,
        layout.metaGradient,
        width,
      );
    }
    return metaGradient.slice();
  }

  backwardThroughProblems(hessian: StepHessian, slopeLimit: number): Float32Array {
    const { metaGradient } = this.#layout.views;
    metaGradient.fill(0);
    backwardThroughProblems(this.#kernel, this.#layout, { hessian, slopeLimit });
    return metaGradient.slice();
  }

  end(hidden: Float32Array): void {
    const { views, blocks, keep } = this.#layout;
    if (!keep) hidden.set(views.state);
    else for (const block of blocks) this.#readState(block, hidden);
  }

  /** Steps without keeping their records, which would not fit the cache. */
  walk(hidden?: Float32Array): HostWalk {
    const { views, blocks, gradients, initialState: state, records: record, updates } = this.#layout;
    const [row] = views.gradients;
    if (hidden) views.initialState.set(hidden);
    else views.initialState.fill(0);
    return {
      step: (gradient, theta) => {
        row!.set(gradient);
        for (const block of blocks) advanceBlock(this.#kernel, block, { gradient: gradients, state, record, updates });
        for (let i = 0; i < theta.length; i++) theta[i] = theta[i]! + views.updates[i]!;
      },
      end: (after) => after.set(views.initialState),
    };
  }

  /** Step s of a block with records: from the state in record s to record s + 1. */
  #forwardBlock(block: Block, s: number): void {
    const layout = this.#layout;
    const { first, width } = block;
    this.#kernel.passes.forwardBlock(
      layout.gradients + s * layout.rowBytes + 4 * first,
      stateOf(this.#kernel, layout, block, s),
      recordOf(this.#kernel, layout, block, s + 1),
      layout.updates + 4 * first,
      width,
    );
  }

  #placeInitialState(block: Block): void {
    const { stateRows } = this.#kernel;
    const start = stateRows * block.first;
    const rows = this.#layout.views.initialState.subarray(start, start + stateRows * block.width);
    this.#kernel.memory.floats(stateOf(this.#kernel, this.#layout, block, 0), rows.length).set(rows);
  }

  #readState(block: Block, hidden: Float32Array): void {
    const { stateRows } = this.#kernel;
    const at = stateOf(this.#kernel, this.#layout, block, this.#layout.steps);
    hidden.set(this.#kernel.memory.floats(at, stateRows * block.width), stateRows * block.first);
  }
}
