/** Back-propagation through a block's recorded steps: all of them, or one at a time if second derivatives are kept. */
import { fma } from '../../../../devices/assembly/fma';
import { preprocessBackward } from './forward';
import {
  backwardPack, gateOffset, inputRows, layerCount, outputPack, outputScale, padTo4, recordRows, rowsBelow, stateOffset,
  stateRows, unitsOf,
} from './network';

/** Steps whose weight gradients are computed together, so that their inputs stay in the second-level cache. */
const CHUNK: i32 = 5;

export function getChunk(): i32 { return CHUNK; }

/**
 * Adds the block's dL/dφ to `dphi` [φ].
 *
 * `records` are the rows of K + 1 records: record 0 holds the state that the window began with, record s + 1 the rows
 * of step s. `gradients` points to the block's first coordinate in ∇_0; rows are `gradientStride` bytes apart.
 * dL/dg_s = Σ_{t>s} weights[t − 1]·∇_t (+ extra_s if `extra` is not 0). `scratch` holds `stateRows` + 1 rows.
 */
export function backwardBlock(
  records: usize, steps: i32, gradients: usize, gradientStride: usize, weights: usize, extra: usize,
  scratch: usize, dphi: usize, width: i32,
): void {
  const rowBytes: usize = <usize>width << 2;
  const recordBytes = <usize>recordRows * rowBytes;
  const suffix = scratch;
  const carry = scratch + rowBytes;
  memory.fill(scratch, 0, <usize>(1 + stateRows) * rowBytes);

  for (let s = steps - 1; s >= 0; s--) {
    const record = records + <usize>(s + 1) * recordBytes;
    const output = record + recordBytes - rowBytes;
    const gradient = gradients + <usize>(s + 1) * gradientStride;
    const weight = v128.load32_splat(weights + (<usize>s << 2));
    for (let b: usize = 0; b < rowBytes; b += 16) {
      const sum = fma(weight, v128.load(gradient + b), v128.load(suffix + b));
      v128.store(suffix + b, sum);
      v128.store(output + b, extra == 0 ? sum : f32x4.add(sum, v128.load(extra + <usize>s * gradientStride + b)));
    }
    backwardLayers(record, carry, s > 0, rowBytes);
    // the weight gradients of a few steps at a time, while their rows are in cache
    if (s % CHUNK == 0) {
      weightGradients(records + <usize>s * recordBytes, min(CHUNK, steps - s), dphi, width);
    }
  }
}

/**
 * One step of one block backward, down to dL/d∇. `record` holds the step's rows; the previous step's record lies before
 * it. `slope` points to dL/dg [width]. `carry` holds dL/dh, in the rows of a state, and becomes that of the previous
 * step. Writes dL/d∇ [width] at the step's ∇ [width] to `inputSlope`, with the input's slopes limited to `limit`;
 * `scratch` holds the rows of x. The weight gradients are left to `weightGradients`.
 */
export function backwardStep(
  record: usize, slope: usize, carry: usize, gradient: usize, inputSlope: usize, limit: f32, scratch: usize, width: i32,
): void {
  const rowBytes: usize = <usize>width << 2;
  memory.copy(record + <usize>(recordRows - 1) * rowBytes, slope, rowBytes);
  backwardLayers(record, carry, true, rowBytes);
  const gates = record + <usize>gateOffset(0) * rowBytes;
  backwardRows(gates, 4 * unitsOf(0), backwardPack(0), inputRows, scratch, false, rowBytes);
  preprocessBackward(gradient, scratch, inputSlope, limit, rowBytes);
}

/** From dL/dg in the record's last row and dL/dh' in `carry`: dL/dz in place of the gates and, if `recur`, dL/dh. */
function backwardLayers(record: usize, carry: usize, recur: bool, rowBytes: usize): void {
  const recordBytes = <usize>recordRows * rowBytes;
  const previous = record - recordBytes + <usize>inputRows * rowBytes;
  const output = record + recordBytes - rowBytes;
  for (let layer = layerCount - 1; layer >= 0; layer--) {
    const units = unitsOf(layer);
    const stateAt = <usize>stateOffset(layer) * rowBytes;
    const gates = record + <usize>gateOffset(layer) * rowBytes;
    backwardGates(
      units, gates, previous + stateAt + <usize>units * rowBytes, carry + stateAt,
      layer == layerCount - 1 ? output : 0, rowBytes,
    );
    let pack = backwardPack(layer);
    const columns = 4 * units;
    if (layer > 0) {
      const below = carry + <usize>stateOffset(layer - 1) * rowBytes;
      backwardRows(gates, columns, pack, rowsBelow(layer), below, true, rowBytes);
    }
    pack += <usize>(padTo4(rowsBelow(layer)) * columns) << 2;
    if (recur) backwardRows(gates, columns, pack, units, carry + stateAt, false, rowBytes);
  }
}

/**
 * dL/dz of one layer, in place of its gates; `carry` holds rows of dL/dh, then of dL/dc, and gets the previous dL/dc.
 */
function backwardGates(units: i32, gates: usize, cell: usize, carry: usize, output: usize, rowBytes: usize): void {
  const stride: usize = <usize>units * rowBytes;
  const one = f32x4.splat(1);
  for (let unit = 0; unit < units; unit++) {
    const row = <usize>unit * rowBytes;
    const weight = v128.load32_splat(outputPack + (<usize>unit << 2));
    for (let b: usize = row; b < row + rowBytes; b += 16) {
      let dh = v128.load(carry + b);
      if (output != 0) dh = fma(weight, v128.load(output + b - row), dh);
      const at = gates + b;
      const i = v128.load(at);
      const g = v128.load(at + stride);
      const f = v128.load(at + 2 * stride);
      const o = v128.load(at + 3 * stride);
      const t = v128.load(at + 4 * stride);
      const dho = f32x4.mul(dh, o);
      const dc = fma(dho, f32x4.sub(one, f32x4.mul(t, t)), v128.load(carry + stride + b));
      v128.store(carry + stride + b, f32x4.mul(dc, f));
      v128.store(at, f32x4.mul(f32x4.mul(dc, g), f32x4.mul(i, f32x4.sub(one, i))));
      v128.store(at + stride, f32x4.mul(f32x4.mul(dc, i), f32x4.sub(one, f32x4.mul(g, g))));
      v128.store(at + 2 * stride, f32x4.mul(f32x4.mul(dc, v128.load(cell + b)), f32x4.mul(f, f32x4.sub(one, f))));
      v128.store(at + 3 * stride, f32x4.mul(f32x4.mul(dho, t), f32x4.sub(one, o)));
    }
  }
}

/** to[row] (+)= Σ_column W[row][column]·dz[column], 4 rows of 8 coordinates at a time. */
function backwardRows(
  dz: usize, columns: i32, pack: usize, rows: i32, to: usize, add: bool, rowBytes: usize,
): void {
  const dzBytes = <usize>columns * rowBytes;
  for (let row = 0; row < rows; row += 4) {
    for (let b: usize = 0; b < rowBytes; b += 32) {
      const zero = f32x4.splat(0);
      let a0 = zero, a1 = zero, b0 = zero, b1 = zero, c0 = zero, c1 = zero, d0 = zero, d1 = zero;
      let w = pack;
      let at = dz + b;
      const end = at + dzBytes;
      while (at < end) {
        const z0 = v128.load(at), z1 = v128.load(at, 16);
        const wa = v128.load32_splat(w);
        a0 = fma(z0, wa, a0);
        a1 = fma(z1, wa, a1);
        const wb = v128.load32_splat(w, 4);
        b0 = fma(z0, wb, b0);
        b1 = fma(z1, wb, b1);
        const wc = v128.load32_splat(w, 8);
        c0 = fma(z0, wc, c0);
        c1 = fma(z1, wc, c1);
        const wd = v128.load32_splat(w, 12);
        d0 = fma(z0, wd, d0);
        d1 = fma(z1, wd, d1);
        w += 16;
        at += rowBytes;
      }
      const out = to + <usize>row * rowBytes + b;
      put(out, a0, a1, add);
      if (row + 1 < rows) put(out + rowBytes, b0, b1, add);
      if (row + 2 < rows) put(out + 2 * rowBytes, c0, c1, add);
      if (row + 3 < rows) put(out + 3 * rowBytes, d0, d1, add);
    }
    pack += <usize>columns << 4;
  }
}

// @ts-ignore: decorator
@inline
function put(to: usize, v0: v128, v1: v128, add: bool): void {
  if (add) {
    v0 = f32x4.add(v0, v128.load(to));
    v1 = f32x4.add(v1, v128.load(to, 16));
  }
  v128.store(to, v0);
  v128.store(to, v1, 16);
}

/**
 * dW = Σ_{step, coordinate} row·dz of every layer, as one product over these steps of the block; `records` points to
 * the record before theirs.
 */
export function weightGradients(records: usize, steps: i32, dphi: usize, width: i32): void {
  const rowBytes: usize = <usize>width << 2;
  const recordBytes = <usize>recordRows * rowBytes;
  const first = records + recordBytes;
  const stepsBytes = <usize>steps * recordBytes;
  let to = dphi;
  for (let layer = 0; layer < layerCount; layer++) {
    const units = unitsOf(layer);
    const columns = 4 * units;
    const dz = first + <usize>gateOffset(layer) * rowBytes;
    const stateAt = <usize>inputRows * rowBytes;
    const below = layer == 0 ? first : first + stateAt + <usize>stateOffset(layer - 1) * rowBytes;
    const recurrent = records + stateAt + <usize>stateOffset(layer) * rowBytes;
    const rowBytesOut = <usize>columns << 2;
    to = rowGradients(below, rowsBelow(layer), dz, columns, stepsBytes, recordBytes, to, rowBytes);
    to = rowGradients(recurrent, units, dz, columns, stepsBytes, recordBytes, to, rowBytes);
    for (let column = 0; column < columns; column += 4) {
      biasGradient(dz + <usize>column * rowBytes, stepsBytes, recordBytes, to + (<usize>column << 2), rowBytes);
    }
    to += rowBytesOut;
  }
  const units = unitsOf(layerCount - 1);
  const output = first + recordBytes - rowBytes;
  let h = first + (<usize>inputRows + <usize>stateOffset(layerCount - 1)) * rowBytes;
  for (let unit = 0; unit < units; unit++) {
    outputGradient(h, output, stepsBytes, recordBytes, to, rowBytes);
    h += rowBytes;
    to += 4;
  }
  let sum = f32x4.splat(0);
  for (let s: usize = 0; s < stepsBytes; s += recordBytes) {
    for (let b: usize = 0; b < rowBytes; b += 16) sum = f32x4.add(sum, v128.load(output + s + b));
  }
  store<f32>(to, load<f32>(to) + outputScale * horizontal(sum));
}

/** Two rows by four columns at a time. */
function rowGradients(
  rows: usize, count: i32, dz: usize, columns: i32, stepsBytes: usize, recordBytes: usize, to: usize, rowBytes: usize,
): usize {
  const outBytes = <usize>columns << 2;
  let row = 0;
  for (; row + 2 <= count; row += 2) {
    for (let column = 0; column < columns; column += 4) {
      const z = dz + <usize>column * rowBytes;
      const zero = f32x4.splat(0);
      let a0 = zero, a1 = zero, a2 = zero, a3 = zero, b0 = zero, b1 = zero, b2 = zero, b3 = zero;
      for (let s: usize = 0; s < stepsBytes; s += recordBytes) {
        let x = rows + s;
        let z0 = z + s;
        const end = x + rowBytes;
        while (x < end) {
          const xa = v128.load(x), xb = v128.load(x + rowBytes);
          const v0 = v128.load(z0);
          a0 = fma(xa, v0, a0);
          b0 = fma(xb, v0, b0);
          const z1 = z0 + rowBytes;
          const v1 = v128.load(z1);
          a1 = fma(xa, v1, a1);
          b1 = fma(xb, v1, b1);
          const z2 = z1 + rowBytes;
          const v2 = v128.load(z2);
          a2 = fma(xa, v2, a2);
          b2 = fma(xb, v2, b2);
          const v3 = v128.load(z2 + rowBytes);
          a3 = fma(xa, v3, a3);
          b3 = fma(xb, v3, b3);
          x += 16;
          z0 += 16;
        }
      }
      const out = to + (<usize>column << 2);
      v128.store(out, f32x4.add(v128.load(out), horizontal4(a0, a1, a2, a3)));
      v128.store(out + outBytes, f32x4.add(v128.load(out + outBytes), horizontal4(b0, b1, b2, b3)));
    }
    rows += 2 * rowBytes;
    to += 2 * outBytes;
  }
  if (row < count) {
    for (let column = 0; column < columns; column += 4) {
      const z = dz + <usize>column * rowBytes;
      const zero = f32x4.splat(0);
      let a0 = zero, a1 = zero, a2 = zero, a3 = zero;
      for (let s: usize = 0; s < stepsBytes; s += recordBytes) {
        for (let b: usize = s; b < s + rowBytes; b += 16) {
          const xa = v128.load(rows + b);
          a0 = fma(xa, v128.load(z + b), a0);
          a1 = fma(xa, v128.load(z + rowBytes + b), a1);
          a2 = fma(xa, v128.load(z + 2 * rowBytes + b), a2);
          a3 = fma(xa, v128.load(z + 3 * rowBytes + b), a3);
        }
      }
      const out = to + (<usize>column << 2);
      v128.store(out, f32x4.add(v128.load(out), horizontal4(a0, a1, a2, a3)));
    }
    to += outBytes;
  }
  return to;
}

function biasGradient(z: usize, stepsBytes: usize, recordBytes: usize, to: usize, rowBytes: usize): void {
  const zero = f32x4.splat(0);
  let a0 = zero, a1 = zero, a2 = zero, a3 = zero;
  for (let s: usize = 0; s < stepsBytes; s += recordBytes) {
    for (let b: usize = s; b < s + rowBytes; b += 16) {
      a0 = f32x4.add(a0, v128.load(z + b));
      a1 = f32x4.add(a1, v128.load(z + rowBytes + b));
      a2 = f32x4.add(a2, v128.load(z + 2 * rowBytes + b));
      a3 = f32x4.add(a3, v128.load(z + 3 * rowBytes + b));
    }
  }
  v128.store(to, f32x4.add(v128.load(to), horizontal4(a0, a1, a2, a3)));
}

function outputGradient(h: usize, output: usize, stepsBytes: usize, recordBytes: usize, to: usize, rowBytes: usize): void {
  let sum = f32x4.splat(0);
  for (let s: usize = 0; s < stepsBytes; s += recordBytes) {
    for (let b: usize = s; b < s + rowBytes; b += 16) sum = fma(v128.load(h + b), v128.load(output + b), sum);
  }
  store<f32>(to, load<f32>(to) + outputScale * horizontal(sum));
}

// @ts-ignore: decorator
@inline
function horizontal(v: v128): f32 {
  return (f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1)) + (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3));
}

/** The sums of four vectors' lanes, as one vector. */
// @ts-ignore: decorator
@inline
function horizontal4(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab0 = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
  const ab1 = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
  const cd0 = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
  const cd1 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
  const ab = f32x4.add(ab0, ab1); // a02 b02 a13 b13
  const cd = f32x4.add(cd0, cd1);
  return f32x4.add(v128.shuffle<f32>(ab, cd, 0, 1, 4, 5), v128.shuffle<f32>(ab, cd, 2, 3, 6, 7));
}
