/** The forward pass of one block through one step. */
import { fma } from '../../../../devices/assembly/fma';
import { log4, sigmoid4, tanh4 } from './activations';
import {
  BOTH, expP, forwardPack, gateOffset, inputRows, inputs, inverseP, layerCount, momentsOffset, outputPack, RAW, RNNPROP,
  rowsBelow, stateOffset, stateRows, threshold, unitsOf,
} from './network';

const DECAY: f32 = 0.95;
const EPSILON: f32 = 1e-8;

/** LogAndSign (Andrychowicz et al. 2016, appendix A), or the gradient itself, into the rows x. */
function preprocess(gradient: usize, x: usize, rowBytes: usize): void {
  if (inputs == RAW) {
    memory.copy(x, gradient, rowBytes);
    return;
  }
  for (let b: usize = 0; b < rowBytes; b += 16) {
    const value = v128.load(gradient + b);
    const magnitude = f32x4.abs(value);
    const large = f32x4.ge(magnitude, f32x4.splat(threshold));
    const sign = v128.or(v128.and(value, i32x4.splat(0x80000000)), f32x4.splat(1));
    const logarithm = f32x4.mul(log4(magnitude), f32x4.splat(inverseP));
    v128.store(x + b, v128.bitselect(logarithm, f32x4.splat(-1), large));
    v128.store(x + rowBytes + b, v128.bitselect(sign, f32x4.mul(value, f32x4.splat(expP)), large));
  }
}

/**
 * dL/d∇ from dL/dx. With LogAndSign: 1/(p·∇) times the first row if |∇| ≥ e^−p, otherwise e^p times the second, both
 * factors of at most `limit` in magnitude, 0 for no limit. RNNProp's inputs are not differentiated here: they have no
 * derivative if the running mean square is 0.
 */
export function preprocessBackward(gradient: usize, slopes: usize, to: usize, limit: f32, rowBytes: usize): void {
  const steepest: f32 = limit > 0 ? limit : <f32>Infinity;
  if (inputs == RAW) {
    memory.copy(to, slopes, rowBytes);
    return;
  }
  for (let b: usize = 0; b < rowBytes; b += 16) {
    const value = v128.load(gradient + b);
    const magnitude = f32x4.abs(value);
    const large = f32x4.ge(magnitude, f32x4.splat(threshold));
    const sign = v128.and(value, i32x4.splat(0x80000000));
    const steep = f32x4.pmin(f32x4.div(f32x4.splat(inverseP), magnitude), f32x4.splat(steepest));
    const logarithm = f32x4.mul(v128.load(slopes + b), v128.or(steep, sign));
    const linear = f32x4.mul(v128.load(slopes + rowBytes + b), f32x4.splat(min(expP, steepest)));
    v128.store(to + b, v128.bitselect(logarithm, linear, large));
  }
}

/**
 * RNNProp's inputs (Lv et al. 2017, arXiv 1703.03633): the gradient and its running mean, divided by the root of
 * the running mean square, into the rows x. `moments` are rows of p (the sum of the weights so far, which corrects the
 * bias), m and v.
 */
function normalise(gradient: usize, moments: usize, x: usize, newMoments: usize, rowBytes: usize): void {
  const decay = f32x4.splat(DECAY);
  const share = f32x4.splat(1 - DECAY);
  for (let b: usize = 0; b < rowBytes; b += 16) {
    const value = v128.load(gradient + b);
    const p = fma(decay, v128.load(moments + b), share);
    const m = fma(decay, v128.load(moments + rowBytes + b), f32x4.mul(share, value));
    const v = fma(decay, v128.load(moments + 2 * rowBytes + b), f32x4.mul(share, f32x4.mul(value, value)));
    const root = f32x4.add(f32x4.sqrt(f32x4.div(v, p)), f32x4.splat(EPSILON));
    v128.store(newMoments + b, p);
    v128.store(newMoments + rowBytes + b, m);
    v128.store(newMoments + 2 * rowBytes + b, v);
    v128.store(x + b, f32x4.div(value, root));
    v128.store(x + rowBytes + b, f32x4.div(f32x4.div(m, p), root));
  }
}

/**
 * One step of one block. Reads the gradient row [width] and the rows of `state`; writes the record (x, the new state,
 * the gates) and the updates g [width].
 */
export function forwardBlock(gradient: usize, state: usize, record: usize, updates: usize, width: i32): void {
  const rowBytes: usize = <usize>width << 2;
  const newState = record + <usize>inputRows * rowBytes;
  const moments = <usize>momentsOffset * rowBytes;
  if (inputs != RNNPROP) preprocess(gradient, record, rowBytes);
  if (inputs == RNNPROP || inputs == BOTH) {
    normalise(gradient, state + moments, newState - 2 * rowBytes, newState + moments, rowBytes);
  }
  let below = record;
  for (let layer = 0; layer < layerCount; layer++) {
    const h = <usize>stateOffset(layer) * rowBytes;
    forwardLayer(layer, below, state + h, newState + h, record + <usize>gateOffset(layer) * rowBytes, rowBytes);
    below = newState + h;
  }
  const units = unitsOf(layerCount - 1);
  for (let b: usize = 0; b < rowBytes; b += 16) {
    let sum = v128.load32_splat(outputPack + (<usize>units << 2));
    for (let unit = 0; unit < units; unit++) {
      sum = fma(v128.load(below + <usize>unit * rowBytes + b), v128.load32_splat(outputPack + (<usize>unit << 2)), sum);
    }
    v128.store(updates + b, sum);
  }
}

/** One layer. The four gates of a unit for 8 coordinates accumulate in 8 registers. Rows of c follow `h` and `newH`. */
function forwardLayer(layer: i32, below: usize, h: usize, newH: usize, gates: usize, rowBytes: usize): void {
  const units = unitsOf(layer);
  const stride: usize = rowBytes * units;
  const belowBytes = <usize>rowsBelow(layer) * rowBytes;
  let pack = forwardPack(layer);
  const packBytes: usize = <usize>(rowsBelow(layer) + units + 1) << 4;
  for (let unit = 0; unit < units; unit++) {
    const row = <usize>unit * rowBytes;
    for (let b: usize = 0; b < rowBytes; b += 32) {
      let i0 = v128.load32_splat(pack), i1 = i0;
      let g0 = v128.load32_splat(pack, 4), g1 = g0;
      let f0 = v128.load32_splat(pack, 8), f1 = f0;
      let o0 = v128.load32_splat(pack, 12), o1 = o0;
      let w = pack + 16;
      let at = below + b;
      let end = at + belowBytes;
      // the rows from below, then the layer's own
      for (let part = 0; part < 2; part++) {
        while (at < end) {
          const x0 = v128.load(at), x1 = v128.load(at, 16);
          const wi = v128.load32_splat(w);
          i0 = fma(x0, wi, i0);
          i1 = fma(x1, wi, i1);
          const wg = v128.load32_splat(w, 4);
          g0 = fma(x0, wg, g0);
          g1 = fma(x1, wg, g1);
          const wf = v128.load32_splat(w, 8);
          f0 = fma(x0, wf, f0);
          f1 = fma(x1, wf, f1);
          const wo = v128.load32_splat(w, 12);
          o0 = fma(x0, wo, o0);
          o1 = fma(x1, wo, o1);
          w += 16;
          at += rowBytes;
        }
        at = h + b;
        end = at + stride;
      }
      const out = row + b;
      activate(i0, g0, f0, o0, h + stride + out, newH + out, stride, gates + out);
      activate(i1, g1, f1, o1, h + stride + out + 16, newH + out + 16, stride, gates + out + 16);
    }
    pack += packBytes;
  }
}

/**
 * c = f·c + i·c̃ and h = o·tanh c for 4 coordinates of one unit; `stride`: bytes from gate to gate, and from h to c.
 */
// @ts-ignore: decorator
@inline
function activate(zi: v128, zg: v128, zf: v128, zo: v128, cell: usize, newH: usize, stride: usize, gates: usize): void {
  const i = sigmoid4(zi);
  const g = tanh4(zg);
  const f = sigmoid4(zf);
  const o = sigmoid4(zo);
  const c = fma(f, v128.load(cell), f32x4.mul(i, g));
  const t = tanh4(c);
  v128.store(gates, i);
  v128.store(gates + stride, g);
  v128.store(gates + 2 * stride, f);
  v128.store(gates + 3 * stride, o);
  v128.store(gates + 4 * stride, t);
  v128.store(newH + stride, c);
  v128.store(newH, f32x4.mul(o, t));
}

/** Copies the state rows of a record to `state`. */
export function copyState(record: usize, state: usize, width: i32): void {
  const rowBytes: usize = <usize>width << 2;
  memory.copy(state, record + <usize>inputRows * rowBytes, <usize>stateRows * rowBytes);
}
