/** The layout of a window's arrays in the kernel's memory. */
import type { BlockKernel } from './kernel.js';

/** Coordinates of a full block. */
export const BLOCK = 64;
const LANES = 8;

/** Coordinates that the kernel computes together. */
export interface Block {
  /** Index of its first coordinate. */
  first: number;
  /** Coordinates, a multiple of 8: 64, or less in the last block. */
  width: number;
}

/** Length of a row of N coordinates, with the unused lanes of the last block. */
export function paddedLength(coordinates: number): number {
  return Math.ceil(coordinates / LANES) * LANES;
}

/** Cuts N coordinates into blocks; the last one is only as wide as necessary. */
export function blocksOf(coordinates: number): Block[] {
  const blocks: Block[] = [];
  for (let first = 0; first < coordinates; first += BLOCK) {
    blocks.push({ first, width: Math.min(BLOCK, paddedLength(coordinates - first)) });
  }
  return blocks;
}

/** The arrays of one step of all blocks: pointers (byte offsets) to the entries of coordinate 0. */
export interface StepPointers {
  /** ∇, [N̂]. */
  gradient: number;
  /** h, by blocks. */
  state: number;
  /** Scratch for the record of one block. */
  record: number;
  /** g, [N̂]. */
  updates: number;
}

/** One step of one block in place: h_t becomes h_{t+1}. */
export function advanceBlock(kernel: BlockKernel, { first, width }: Block, at: StepPointers): void {
  const state = at.state + 4 * kernel.stateRows * first;
  kernel.passes.forwardBlock(at.gradient + 4 * first, state, at.record, at.updates + 4 * first, width);
  kernel.passes.copyState(at.record, state, width);
}

/** Record `index` of a block: 0 holds the state before the window, or segment; s + 1 the rows of step s. */
export function recordOf(kernel: BlockKernel, layout: Layout, { first, width }: Block, index: number): number {
  return layout.records + 4 * kernel.recordRows * (layout.recordsOfBlock * first + width * index);
}

/** The state rows within such a record. */
export function stateOf(kernel: BlockKernel, layout: Layout, block: Block, index: number): number {
  return recordOf(kernel, layout, block, index) + 4 * kernel.inputRows * block.width;
}

/** Pointers (byte offsets) and views of one window's arrays. N̂ is the padded number of coordinates. */
export interface Layout {
  readonly coordinates: number;
  readonly steps: number;
  readonly blocks: readonly Block[];
  /** Whether the records of all blocks are kept from the forward pass to the backward pass. */
  readonly keep: boolean;
  /** Records of each block in memory; 0 if all blocks share the same memory. */
  readonly recordsOfBlock: number;
  /** Bytes of a row [N̂]. */
  readonly rowBytes: number;
  /** ∇_0…∇_K, [K + 1][N̂]. */
  readonly gradients: number;
  /** g, [N̂]. */
  readonly updates: number;
  /** The window's initial state, by blocks. */
  readonly initialState: number;
  /** The running state, by blocks; if records are kept, they hold it. */
  readonly state: number;
  /** Records, of all blocks or of one. */
  readonly records: number;
  readonly scratch: number;
  readonly metaGradient: number;
  readonly lossWeights: number;
  /** An additional dL/dg, [K][N̂]; 0 if there is none. */
  readonly updateGradient: number;
  /** What the backward pass needs if second derivatives are kept. */
  readonly secondOrder: SecondOrderLayout | undefined;
  readonly views: {
    /** Rows [N] of ∇. */
    readonly gradients: readonly Float32Array[];
    readonly updates: Float32Array;
    readonly initialState: Float32Array;
    readonly state: Float32Array;
    readonly metaGradient: Float32Array;
    readonly lossWeights: Float32Array;
    /** Rows [N]. */
    readonly updateGradient: readonly Float32Array[];
  };
}

/** Pointers and views of a step-by-step backward pass. */
export interface SecondOrderLayout {
  /** Steps whose records are in memory at the same time: all of them if records are kept. */
  readonly segment: number;
  /** The state before every segment, each by blocks; 0 if records are kept. */
  readonly checkpoints: number;
  /** dL/dh, by blocks. */
  readonly carry: number;
  /** dL/dg of one step, [N̂]. */
  readonly slope: number;
  /** dL/d∇ of one step, [N̂]. */
  readonly inputSlope: number;
  readonly views: {
    readonly carry: Float32Array;
    /** [N]. */
    readonly slope: Float32Array;
    /** [N]. */
    readonly inputSlope: Float32Array;
  };
}

/** What to lay out. */
export interface LayoutRequest {
  coordinates: number;
  steps: number;
  phiLength: number;
  updateGradient: boolean;
  secondDerivatives: boolean;
  /** Bytes of records that may be kept. */
  activationBudget: number;
}

/** Lays out a window, replacing the last layout; unused lanes are zero. */
export function makeLayout(kernel: BlockKernel, request: LayoutRequest): Layout {
  const { coordinates, steps, phiLength, secondDerivatives, activationBudget } = request;
  kernel.memory.reset();
  const padded = paddedLength(coordinates);
  const blocks = blocksOf(coordinates);
  const stateLength = kernel.stateRows * padded;
  const recordBytes = (howMany: number, lanes: number) => 4 * kernel.recordRows * howMany * lanes;
  const keep = recordBytes(steps + 1, padded) <= activationBudget;
  const segment = keep ? steps : Math.min(steps, kernel.chunk);
  // replayed block by block, or, if all blocks go backward together, a few steps at a time
  const together = keep || secondDerivatives;
  const recordsOfBlock = together ? segment + 1 : 0;
  const widest = blocks[0]!.width;

  const rowBytes = 4 * padded;
  const gradients = kernel.memory.allocate((steps + 1) * rowBytes);
  const updates = kernel.memory.allocate(rowBytes);
  const initialState = kernel.memory.allocate(4 * stateLength);
  const state = keep ? initialState : kernel.memory.allocate(4 * stateLength);
  const records = kernel.memory.allocate(together ? recordBytes(segment + 1, padded) : recordBytes(steps + 1, widest));
  const scratch = kernel.memory.allocate(4 * (kernel.stateRows + 1) * widest);
  const metaGradient = kernel.memory.allocate(4 * phiLength);
  const lossWeights = kernel.memory.allocate(4 * steps);
  const updateGradient = request.updateGradient ? kernel.memory.allocate(steps * rowBytes) : 0;
  const checkpoints =
    secondDerivatives && !keep ? kernel.memory.allocate(4 * stateLength * Math.ceil(steps / segment)) : 0;
  const carry = secondDerivatives ? kernel.memory.allocate(4 * stateLength) : 0;
  const [slope, inputSlope] = secondDerivatives
    ? [kernel.memory.allocate(rowBytes), kernel.memory.allocate(rowBytes)]
    : [0, 0];

  kernel.memory.floats(gradients, (steps + 1) * padded).fill(0);
  if (secondDerivatives) kernel.memory.floats(slope, padded).fill(0);
  if (request.updateGradient) kernel.memory.floats(updateGradient, steps * padded).fill(0);
  const rows = (at: number, howMany: number) =>
    Array.from({ length: howMany }, (_, row) => kernel.memory.floats(at + row * rowBytes, coordinates));
  return {
    coordinates,
    steps,
    blocks,
    keep,
    recordsOfBlock,
    rowBytes,
    gradients,
    updates,
    initialState,
    state,
    records,
    scratch,
    metaGradient,
    lossWeights,
    updateGradient,
    secondOrder: secondDerivatives
      ? {
          segment,
          checkpoints,
          carry,
          slope,
          inputSlope,
          views: {
            carry: kernel.memory.floats(carry, stateLength),
            slope: kernel.memory.floats(slope, coordinates),
            inputSlope: kernel.memory.floats(inputSlope, coordinates),
          },
        }
      : undefined,
    views: {
      gradients: rows(gradients, steps + 1),
      updates: kernel.memory.floats(updates, coordinates),
      initialState: kernel.memory.floats(initialState, stateLength),
      state: kernel.memory.floats(state, stateLength),
      metaGradient: kernel.memory.floats(metaGradient, phiLength),
      lossWeights: kernel.memory.floats(lossWeights, steps),
      updateGradient: request.updateGradient ? rows(updateGradient, steps) : [],
    },
  };
}

/** Zeroes coordinates [first, end) in a state [by blocks: rows × width]. */
export function zeroLanes(
  state: Float32Array,
  stateRows: number,
  blocks: readonly Block[],
  first: number,
  end: number,
): void {
  for (const block of blocks) {
    const from = Math.max(first, block.first) - block.first;
    const to = Math.min(end, block.first + block.width) - block.first;
    if (from >= to) continue;
    for (let row = 0; row < stateRows; row++) {
      const at = stateRows * block.first + row * block.width;
      state.fill(0, at + from, at + to);
    }
  }
}
