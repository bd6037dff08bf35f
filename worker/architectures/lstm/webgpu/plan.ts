/** The layout of the LSTM's arrays and work on a GPU, which its shaders and buffers share. */

import { inputSize, type LstmConfig } from '../../../../shared/architectures/lstm.js';
import { LoptError } from '../../../../shared/errors.js';
import { phiTensors, stateSizes } from '../../../../shared/phi.js';
import { FORGET_BIAS } from '../definition.js';

/** Choices that change speed and, by the order of sums, the last bits; the defaults measured best. */
export interface LstmVariant {
  /** Coordinates of a workgroup, a multiple of 4. @default the largest of 32, 16, 8 and 4 that the device holds */
  tile?: number;
  /** Parts that a layer's units are divided into, a thread each. @default the widest layer's units, or an even share of them of at most 32 */
  parts?: number;
  /** Units whose four gates a thread accumulates at once, forward. @default 5 */
  forwardUnits?: number;
  /** The same in the backward pass. @default 5 */
  backwardUnits?: number;
  /** Whether the runs of units are a loop, which makes the shader shorter. @default false */
  rolled?: boolean;
  /**
   * How W is read to be multiplied by dL/dz: as elsewhere, or from a transposed copy in which a warp's reads are
   * contiguous. @default 'rows'
   */
  slopes?: 'rows' | 'columns';
  /** Most rows and columns of a thread's tile of dW. @default 12 */
  productSide?: number;
  /** Accumulators of dW that a thread may keep in registers; if it needs more, they are in memory. @default 112 */
  accumulators?: number;
  /** Most workgroups of the backward pass, each of which computes a partial dφ. @default 16384, fewer if φ is long */
  groups?: number;
}

/** For software adapters, whose compilers take minutes for long shaders. */
export const SOFTWARE_VARIANT: LstmVariant = {
  forwardUnits: 1,
  backwardUnits: 1,
  rolled: true,
  productSide: 3,
  accumulators: 9,
};

/** One layer. A row has 4·`lanes` coordinates; indices of weights count vectors of four gates. */
export interface LayerPlan {
  units: number;
  /** Units of one thread: those from q·block on, q being its part of the workgroup. */
  block: number;
  /** parts·block: units with the padding, whose weights and state are zero. */
  padded: number;
  /** Rows that the layer reads from below. */
  below: number;
  /** below + padded + 1: the inputs, its own h, and a row of ones for the biases. */
  rows: number;
  /** First vector of W [rows × padded]. */
  weights: number;
  /** First vector of Wᵀ [padded × rows − 1], without the biases; 0 if there is none. */
  transposed: number;
  /** First row of h in the state; c follows. */
  state: number;
  /** How dW [rows × 4·padded] is divided among threads. */
  product: ProductPlan;
}

/** dW by threads: thread (r, c) has rows r + i·rowThreads and columns c + j·columnThreads of each of its rounds. */
export interface ProductPlan {
  /** Rows and columns that one thread accumulates. */
  rows: number;
  columns: number;
  rowThreads: number;
  columnThreads: number;
  /** Tiles that a thread computes one after another. */
  rounds: number;
}

/** The layout of a network on a device. */
export interface LstmPlan {
  network: LstmConfig;
  variant: Required<Omit<LstmVariant, 'groups'>>;
  /** Most workgroups of the backward pass. */
  groups: number;
  layers: LayerPlan[];
  /** Coordinates of a tile. */
  tile: number;
  /** Vectors of 4 coordinates in a tile's row: threads of a part. */
  lanes: number;
  /** Vectors from one row to the next in workgroup memory, odd so that rows lie in different banks. */
  stride: number;
  /** Parts that the units of a layer are divided into. */
  parts: number;
  /** lanes·parts, a workgroup. */
  threads: number;
  /** Rows of a state: h and c of each layer, padded. */
  stateRows: number;
  /** First vector of the output's weights, one a vector; the bias follows. */
  output: number;
  /** Vectors of the packed φ, and of the transposed copies. */
  weightVectors: number;
  /** Numbers of a partial dφ: as the packed φ, but the output's entries dense. */
  partialLength: number;
  /** Whether a thread keeps its share of dφ in registers. */
  resident: boolean;
}

/** The limits of a device that matter here. */
export type LstmLimits = Pick<
  GPUSupportedLimits,
  'maxComputeWorkgroupStorageSize' | 'maxComputeInvocationsPerWorkgroup'
>;

const TILES = [32, 16, 8, 4];

/** Workgroups of the backward pass: enough to fill a GPU, with few bytes of partial dφ's. */
const MOST_GROUPS = 16384;
const ENOUGH_GROUPS = 512;
const MOST_PARTIAL_BYTES = 2 ** 29;

/**
 * Most parts of a layer. One unit a thread measured twice as fast as five (H100): every loaded number then serves fewer
 * multiply-adds, but more threads work at a time.
 */
const MOST_PARTS = 32;

/** Lays the network out; throws LoptError if the device cannot hold a layer. */
export function planLstm(network: LstmConfig, limits: LstmLimits, variant: LstmVariant = {}): LstmPlan {
  const widest = Math.max(...network.layers);
  const parts = variant.parts ?? Math.ceil(widest / Math.ceil(widest / MOST_PARTS));
  for (const tile of variant.tile === undefined ? TILES : [variant.tile]) {
    const plan = planTile(network, parts, tile, variant);
    if (plan.threads > limits.maxComputeInvocationsPerWorkgroup) continue;
    if (Math.max(forwardBytes(plan), backwardBytes(plan)) <= limits.maxComputeWorkgroupStorageSize) return plan;
  }
  throw new LoptError(
    `Cannot compute the LSTM on this GPU: "layers" must be narrower than ${widest} units for its workgroups of ` +
      `${limits.maxComputeWorkgroupStorageSize} bytes and ${limits.maxComputeInvocationsPerWorkgroup} threads`,
  );
}

/** Rows that the forward shader holds: the inputs, each layer's old h, and the new h of each layer but the last. */
export function forwardRows({ network, layers }: LstmPlan): number {
  const hidden = layers.reduce((rows, { padded }, l) => rows + padded * (l + 1 < layers.length ? 2 : 1), 0);
  return inputSize(network) + hidden;
}

/** Rows that the backward shader holds for one layer: x with the ones, and dL/dz. */
export function backwardRows({ layers, parts }: LstmPlan): { x: number; z: number } {
  const z = Math.max(...layers.map(({ padded }) => 4 * padded), layers.at(-1)!.padded + parts);
  return { x: Math.max(...layers.map(({ rows }) => rows)), z };
}

function forwardBytes(plan: LstmPlan): number {
  return 16 * (forwardRows(plan) * plan.stride + plan.threads);
}

function backwardBytes(plan: LstmPlan): number {
  const { x, z } = backwardRows(plan);
  return 16 * (x + z) * plan.stride;
}

function planTile(network: LstmConfig, parts: number, tile: number, { groups, ...variant }: LstmVariant): LstmPlan {
  const all: Required<Omit<LstmVariant, 'groups'>> = {
    parts,
    forwardUnits: 5,
    backwardUnits: 5,
    rolled: false,
    slopes: 'rows',
    productSide: 12,
    accumulators: 112,
    ...variant,
    tile,
  };
  const lanes = tile / 4;
  const threads = lanes * parts;
  const layers: LayerPlan[] = [];
  let below = inputSize(network);
  let weights = 0;
  let state = 0;
  for (const units of network.layers) {
    const block = Math.ceil(units / parts);
    const padded = parts * block;
    const rows = below + padded + 1;
    layers.push({
      units,
      block,
      padded,
      below,
      rows,
      weights,
      transposed: 0,
      state,
      product: planProduct(rows, 4 * padded, threads, all.productSide),
    });
    below = padded;
    weights += rows * padded;
    state += 2 * padded;
  }
  const partialLength = 4 * weights + below + 1;
  let weightVectors = weights + below + 1;
  for (const layer of all.slopes === 'columns' ? layers : []) {
    layer.transposed = weightVectors;
    weightVectors += layer.padded * (layer.rows - 1);
  }
  const accumulators = layers.reduce((sum, { product: p }) => sum + p.rounds * p.rows * p.columns, 0);
  return {
    network,
    variant: all,
    layers,
    tile,
    lanes,
    stride: lanes + 1 - (lanes % 2),
    parts,
    threads,
    stateRows: state,
    output: weights,
    weightVectors,
    partialLength,
    groups:
      groups ?? Math.min(MOST_GROUPS, Math.max(ENOUGH_GROUPS, Math.floor(MOST_PARTIAL_BYTES / (4 * partialLength)))),
    resident: accumulators <= all.accumulators,
  };
}

/**
 * Divides a product of rows × columns among threads. A thread's tile of a × b loads a + b numbers for a·b
 * multiply-adds, and four multiply-adds run in the time of one load.
 */
function planProduct(rows: number, columns: number, threads: number, side: number): ProductPlan {
  let best: ProductPlan | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (let a = 1; a <= side; a++) {
    for (let b = 1; b <= side; b++) {
      const rowThreads = Math.ceil(rows / a);
      const columnThreads = Math.ceil(columns / b);
      const rounds = Math.ceil((rowThreads * columnThreads) / threads);
      const cost = rounds * (Math.max(a * b, 4 * (a + b)) + (a * b) / 16);
      if (cost >= least) continue;
      least = cost;
      best = { rows: a, columns: b, rowThreads, columnThreads, rounds };
    }
  }
  return best!;
}

/** φ [phiLength] as the shaders read it, [4·weightVectors]: 1 is added to the forget gates' biases. */
export function packPhi(plan: LstmPlan, phi: Float32Array): Float32Array<ArrayBuffer> {
  const packed = new Float32Array(4 * plan.weightVectors);
  forEachEntry(plan, (index, { vector, transposed, gate, forget }) => {
    packed[4 * vector + gate] = phi[index]! + (forget ? FORGET_BIAS : 0);
    if (transposed > 0) packed[4 * transposed + gate] = phi[index]!;
  });
  return packed;
}

/** The index of each entry of φ in a partial dφ, [phiLength]. */
export function partialMap(plan: LstmPlan): Uint32Array<ArrayBuffer> {
  const indices: number[] = [];
  forEachEntry(plan, (index, { vector, gate }) => {
    indices[index] = vector < plan.output ? 4 * vector + gate : 4 * plan.output + vector - plan.output;
  });
  return Uint32Array.from(indices);
}

/** Calls `visit` for every entry of φ with its place in the packed φ. */
function forEachEntry(
  { network, layers, output }: LstmPlan,
  visit: (index: number, place: { vector: number; transposed: number; gate: number; forget: boolean }) => void,
): void {
  const tensors = phiTensors(network);
  layers.forEach(({ units, padded, rows, below, weights, transposed: columns }, l) => {
    const real = l === 0 ? below : layers[l - 1]!.units;
    for (let column = 0; column < 4 * units; column++) {
      const gate = Math.floor(column / units);
      const unit = column % units;
      for (let row = 0; row < real + units; row++) {
        const place = row < real ? row : below + row - real;
        const vector = weights + place * padded + unit;
        const transposed = columns === 0 ? 0 : columns + unit * (rows - 1) + place;
        visit(tensors[2 * l]!.offset + row * 4 * units + column, { vector, transposed, gate, forget: false });
      }
      const vector = weights + (rows - 1) * padded + unit;
      visit(tensors[2 * l + 1]!.offset + column, { vector, transposed: 0, gate, forget: gate === 2 });
    }
  });
  const [outputWeights, outputBias] = tensors.slice(-2);
  for (let unit = 0; unit < outputWeights!.length; unit++) {
    visit(outputWeights!.offset + unit, { vector: output + unit, transposed: 0, gate: 0, forget: false });
  }
  visit(outputBias!.offset, { vector: output + layers.at(-1)!.padded, transposed: 0, gate: 0, forget: false });
}

/** How many tiles hold these coordinates. */
export function tilesOf({ tile }: LstmPlan, coordinates: number): number {
  return Math.ceil(coordinates / tile);
}

/** A state as the shaders read it: [tiles][stateRows][tile], zero beyond the last coordinate. */
export function packState(
  plan: LstmPlan,
  coordinates: number,
  state: readonly Float32Array[],
): Float32Array<ArrayBuffer> {
  const packed = new Float32Array(tilesOf(plan, coordinates) * plan.stateRows * plan.tile);
  forEachStateEntry(plan, coordinates, (part, index, at) => {
    packed[at] = state[part]![index]!;
  });
  return packed;
}

/** The parts of a packed state: h and c [N × units] of each layer in turn. */
export function unpackState(plan: LstmPlan, coordinates: number, packed: Float32Array): Float32Array[] {
  const state = stateSizes(plan.network).map((size) => new Float32Array(coordinates * size));
  forEachStateEntry(plan, coordinates, (part, index, at) => {
    state[part]![index] = packed[at]!;
  });
  return state;
}

function forEachStateEntry(
  plan: LstmPlan,
  coordinates: number,
  visit: (part: number, index: number, at: number) => void,
): void {
  const { layers, tile, stateRows } = plan;
  layers.forEach(({ units, padded, state: first }, layer) => {
    for (let n = 0; n < coordinates; n++) {
      const from = Math.floor(n / tile) * stateRows * tile + (n % tile);
      for (let unit = 0; unit < units; unit++) {
        visit(2 * layer, n * units + unit, from + (first + unit) * tile);
        visit(2 * layer + 1, n * units + unit, from + (first + padded + unit) * tile);
      }
    }
  });
}
