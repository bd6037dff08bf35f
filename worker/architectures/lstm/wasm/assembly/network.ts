/**
 * The shape of the network, the packed copies of its weights, and the layout of memory.
 *
 * Lanes are coordinates. A block of `width` coordinates (a multiple of 8) keeps every quantity as a row [width]. A
 * record holds the rows of one block at one step:
 *
 *   x       inputs rows                       the preprocessed gradient
 *   state   per layer: h units, c units       what the next step needs
 *           with RNNProp inputs: p, m, v
 *   gates   per layer: i, c̃, f, o units each  (dL/dz after the backward pass), then tanh c units
 *   output  1 row                             dL/dg
 */

export const MAX_LAYERS: i32 = 8;

export let layerCount: i32 = 0;
/** The network's input: the gradient itself, LogAndSign, RNNProp's normalised gradient and momentum, or both. */
export const RAW: i32 = 0;
export const LOG_AND_SIGN: i32 = 1;
export const RNNPROP: i32 = 2;
export const BOTH: i32 = 3;
export let inputs: i32 = RAW;
/** Of LogAndSign's p: e^−p, 1/p and e^p. */
export let threshold: f32 = 0;
export let inverseP: f32 = 0;
export let expP: f32 = 0;
/** First row of RNNProp's moments within the state. */
export let momentsOffset: i32 = 0;
/** Rows of x. */
export let inputRows: i32 = 0;
/** Rows of the state of all layers. */
export let stateRows: i32 = 0;
/** Rows of a record. */
export let recordRows: i32 = 0;
/** Length of φ. */
export let phiLength: i32 = 0;
/** Packed output layer: outputScale·w, then outputScale·b. */
export let outputPack: usize = 0;
export let outputScale: f32 = 0;

// per layer, in tables of i32
const units_ = memory.data(MAX_LAYERS * 4, 4);
const rowsBelow_ = memory.data(MAX_LAYERS * 4, 4);
const phiOffset_ = memory.data(MAX_LAYERS * 4, 4);
const stateOffset_ = memory.data(MAX_LAYERS * 4, 4);
const gateOffset_ = memory.data(MAX_LAYERS * 4, 4);
const forwardPack_ = memory.data(MAX_LAYERS * 4, 4);
const backwardPack_ = memory.data(MAX_LAYERS * 4, 4);

// @ts-ignore: decorator
@inline
function entry(table: usize, layer: i32): i32 {
  return load<i32>(table + (<usize>layer << 2));
}

/** Units of a layer. */
// @ts-ignore: decorator
@inline
export function unitsOf(layer: i32): i32 { return entry(units_, layer); }
/** Rows that a layer reads from below: x, or the layer under it. */
// @ts-ignore: decorator
@inline
export function rowsBelow(layer: i32): i32 { return entry(rowsBelow_, layer); }
/** Where a layer's weights start in φ. */
// @ts-ignore: decorator
@inline
export function phiOffset(layer: i32): i32 { return entry(phiOffset_, layer); }
/** First row of a layer's h within the state; its c follows. */
// @ts-ignore: decorator
@inline
export function stateOffset(layer: i32): i32 { return entry(stateOffset_, layer); }
/** First row of a layer's gates within the record; its tanh c follows. */
// @ts-ignore: decorator
@inline
export function gateOffset(layer: i32): i32 { return entry(gateOffset_, layer); }
/** Packed for the forward pass: per unit, the 4 gates' biases, then per row the 4 gates' weights. */
// @ts-ignore: decorator
@inline
export function forwardPack(layer: i32): usize { return <usize>entry(forwardPack_, layer); }
/** Packed for the backward pass: per 4 rows (the rows below, then the recurrent ones, each padded to 4), per column 4 weights. */
// @ts-ignore: decorator
@inline
export function backwardPack(layer: i32): usize { return <usize>entry(backwardPack_, layer); }

// @ts-ignore: decorator
@inline
export function padTo4(n: i32): i32 {
  return (n + 3) & ~3;
}

/**
 * Starts the description of a network. Input rows: 1 for the gradient itself, 4 for both others, otherwise 2. The last
 * three numbers are e^−p, 1/p and e^p of LogAndSign.
 */
export function configure(kind: i32, scale: f32, smallest: f32, inverse: f32, exponential: f32): void {
  layerCount = 0;
  inputs = kind;
  inputRows = kind == RAW ? 1 : kind == BOTH ? 4 : 2;
  stateRows = 0;
  recordRows = 0;
  phiLength = 0;
  outputScale = scale;
  threshold = smallest;
  inverseP = inverse;
  expP = exponential;
}

/** Bytes that the packed weights of a layer of `units` over `below` rows take. */
export function packBytes(below: i32, units: i32): i32 {
  return 4 * ((below + units + 1) * 4 * units + (padTo4(below) + padTo4(units)) * 4 * units);
}

/** Adds a layer; `pack` is 16-byte aligned memory of `packBytes`. */
export function addLayer(units: i32, pack: usize): void {
  const at: usize = <usize>layerCount << 2;
  const below = layerCount == 0 ? inputRows : unitsOf(layerCount - 1);
  store<i32>(units_ + at, units);
  store<i32>(rowsBelow_ + at, below);
  store<i32>(phiOffset_ + at, phiLength);
  store<i32>(stateOffset_ + at, stateRows);
  store<i32>(forwardPack_ + at, <i32>pack);
  store<i32>(backwardPack_ + at, <i32>pack + 4 * (below + units + 1) * 4 * units);
  phiLength += (below + units + 1) * 4 * units;
  stateRows += 2 * units;
  layerCount += 1;
}

/** Ends the description; `pack` is memory for the output layer, units of the last layer + 1 floats. */
export function finish(pack: usize): void {
  outputPack = pack;
  phiLength += unitsOf(layerCount - 1) + 1;
  momentsOffset = stateRows;
  if (inputs == RNNPROP || inputs == BOTH) stateRows += 3;
  let row = inputRows + stateRows;
  for (let layer = 0; layer < layerCount; layer++) {
    store<i32>(gateOffset_ + (<usize>layer << 2), row);
    row += 5 * unitsOf(layer);
  }
  recordRows = row + 1;
}

export function getStateRows(): i32 { return stateRows; }
export function getRecordRows(): i32 { return recordRows; }

/** Packs φ, in the order of shared/phi.ts, for the two passes. The forget gate's constant bias 1 is added here. */
export function loadPhi(phi: usize): void {
  for (let layer = 0; layer < layerCount; layer++) {
    const units = unitsOf(layer);
    const below = rowsBelow(layer);
    const rows = below + units;
    const columns = 4 * units;
    const weights = phi + (<usize>phiOffset(layer) << 2);
    const biases = weights + (<usize>(rows * columns) << 2);

    let to = forwardPack(layer);
    for (let unit = 0; unit < units; unit++) {
      for (let gate = 0; gate < 4; gate++) {
        const bias = load<f32>(biases + (<usize>(gate * units + unit) << 2));
        store<f32>(to, gate == 2 ? bias + 1 : bias);
        to += 4;
      }
      for (let row = 0; row < rows; row++) {
        for (let gate = 0; gate < 4; gate++) {
          store<f32>(to, load<f32>(weights + (<usize>(row * columns + gate * units + unit) << 2)));
          to += 4;
        }
      }
    }

    to = packRows(weights, 0, below, columns, backwardPack(layer));
    packRows(weights, below, rows, columns, to);
  }
  const last = unitsOf(layerCount - 1);
  const output = phi + (<usize>(phiLength - last - 1) << 2);
  for (let i = 0; i <= last; i++) {
    store<f32>(outputPack + (<usize>i << 2), outputScale * load<f32>(output + (<usize>i << 2)));
  }
}

function packRows(weights: usize, first: i32, end: i32, columns: i32, to: usize): usize {
  for (let group = first; group < end; group += 4) {
    for (let column = 0; column < columns; column++) {
      for (let row = group; row < group + 4; row++) {
        store<f32>(to, row < end ? load<f32>(weights + (<usize>(row * columns + column) << 2)) : 0);
        to += 4;
      }
    }
  }
  return to;
}
