/**
 * Forward and backward passes of convolutional networks, written in AssemblyScript: WebAssembly SIMD without relaxed
 * instructions, so every processor gives the same bits. A layer is a dense layer applied to many rows: one row for each
 * position of the filters in each image. A row's inputs are not copied together: input n of row r lies at
 * x + patches[r] + offsets[n], and zeros around an image stand for its padding. The row's outputs lie at
 * target + places[r]. The last, dense layer has one row per image. Tables hold i32 offsets in bytes.
 *
 * Weights are [(inputs + 1) × stride] f32, the bias last: a row holds its columns, then zeros up to a multiple of 4. The
 * outputs of a row are as wide. Inputs that have a gradient are too: their channels are filled up to a multiple of 4.
 *
 * Lanes are columns everywhere, and every sum runs over one index after another: how many rows or columns are computed
 * together never changes a bit. Only `crossEntropyCurvature` adds lanes.
 */
import { pixelsAt } from './losses';

export { activate, heapBase, pack, unpack } from './dense';
export { crossEntropy, crossEntropyCurvature } from './losses';

/** Writes an image's bytes [height × width], channels counted as width, as values byte/255 into rows of `rowBytes`. */
export function spreadPixels(pixels: usize, height: i32, width: i32, target: usize, rowBytes: i32): void {
  const whole = width & ~3;
  for (let row = 0; row < height; row++) {
    for (let at = 0; at < whole; at += 4) v128.store(target + (at << 2), pixelsAt(pixels + at));
    for (let at = whole; at < width; at++) store<f32>(target + (at << 2), <f32>load<u8>(pixels + at) / 255);
    pixels += width;
    target += rowBytes;
  }
}

/** Reorders weights [taps × channels × stride] as [taps × outputs × pixelBytes], without the bias: Wᵀ of every tap. */
export function transpose(
  weights: usize, taps: i32, channels: i32, outputs: i32, stride: i32, target: usize, pixelBytes: i32,
): void {
  for (let tap = 0; tap < taps; tap++) {
    for (let channel = 0; channel < channels; channel++) {
      for (let output = 0; output < outputs; output++) {
        store<f32>(target + output * pixelBytes + (channel << 2), load<f32>(weights + (output << 2)));
      }
      weights += stride;
    }
    target += outputs * pixelBytes;
  }
}

/** Sets every row of the target to the bias. */
export function setRows(bias: usize, rows: i32, target: usize, places: usize, stride: i32): void {
  for (let row = 0; row < rows; row++) {
    const to = target + load<i32>(places + (row << 2));
    for (let column = 0; column < stride; column += 16) v128.store(to + column, v128.load(bias + column));
  }
}

/** target += x·W, for every row. */
export function addProduct(
  x: usize, patches: usize, rows: i32, offsets: usize, inputs: i32, weights: usize, target: usize, places: usize,
  stride: i32,
): void {
  const end = offsets + (inputs << 2);
  let row = 0;
  for (; row + 4 <= rows; row += 4) {
    const x0 = x + load<i32>(patches);
    const x1 = x + load<i32>(patches, 4);
    const x2 = x + load<i32>(patches, 8);
    const x3 = x + load<i32>(patches, 12);
    let t0 = target + load<i32>(places);
    let t1 = target + load<i32>(places, 4);
    let t2 = target + load<i32>(places, 8);
    let t3 = target + load<i32>(places, 12);
    let column = 0;
    for (; column + 32 <= stride; column += 32) {
      let a0 = v128.load(t0);
      let a1 = v128.load(t1);
      let a2 = v128.load(t2);
      let a3 = v128.load(t3);
      let b0 = v128.load(t0, 16);
      let b1 = v128.load(t1, 16);
      let b2 = v128.load(t2, 16);
      let b3 = v128.load(t3, 16);
      let w = weights + column;
      for (let at = offsets; at < end; at += 4) {
        const offset = load<i32>(at);
        const wa = v128.load(w);
        const wb = v128.load(w, 16);
        let v = v128.load32_splat(x0 + offset);
        a0 = f32x4.add(a0, f32x4.mul(v, wa));
        b0 = f32x4.add(b0, f32x4.mul(v, wb));
        v = v128.load32_splat(x1 + offset);
        a1 = f32x4.add(a1, f32x4.mul(v, wa));
        b1 = f32x4.add(b1, f32x4.mul(v, wb));
        v = v128.load32_splat(x2 + offset);
        a2 = f32x4.add(a2, f32x4.mul(v, wa));
        b2 = f32x4.add(b2, f32x4.mul(v, wb));
        v = v128.load32_splat(x3 + offset);
        a3 = f32x4.add(a3, f32x4.mul(v, wa));
        b3 = f32x4.add(b3, f32x4.mul(v, wb));
        w += stride;
      }
      v128.store(t0, a0);
      v128.store(t1, a1);
      v128.store(t2, a2);
      v128.store(t3, a3);
      v128.store(t0, b0, 16);
      v128.store(t1, b1, 16);
      v128.store(t2, b2, 16);
      v128.store(t3, b3, 16);
      t0 += 32;
      t1 += 32;
      t2 += 32;
      t3 += 32;
    }
    if (column < stride) {
      let a0 = v128.load(t0);
      let a1 = v128.load(t1);
      let a2 = v128.load(t2);
      let a3 = v128.load(t3);
      let w = weights + column;
      for (let at = offsets; at < end; at += 4) {
        const offset = load<i32>(at);
        const wa = v128.load(w);
        a0 = f32x4.add(a0, f32x4.mul(v128.load32_splat(x0 + offset), wa));
        a1 = f32x4.add(a1, f32x4.mul(v128.load32_splat(x1 + offset), wa));
        a2 = f32x4.add(a2, f32x4.mul(v128.load32_splat(x2 + offset), wa));
        a3 = f32x4.add(a3, f32x4.mul(v128.load32_splat(x3 + offset), wa));
        w += stride;
      }
      v128.store(t0, a0);
      v128.store(t1, a1);
      v128.store(t2, a2);
      v128.store(t3, a3);
    }
    patches += 16;
    places += 16;
  }
  for (; row < rows; row++) {
    const from = x + load<i32>(patches);
    const to = target + load<i32>(places);
    for (let column = 0; column < stride; column += 16) {
      let sum = v128.load(to + column);
      let w = weights + column;
      for (let at = offsets; at < end; at += 4) {
        sum = f32x4.add(sum, f32x4.mul(v128.load32_splat(from + load<i32>(at)), v128.load(w)));
        w += stride;
      }
      v128.store(to + column, sum);
    }
    patches += 4;
    places += 4;
  }
}

/** dW += xᵀ·d over the rows, one after another; d is the gradient of the outputs. */
export function addWeightGradient(
  x: usize, patches: usize, rows: i32, offsets: usize, inputs: i32, d: usize, places: usize, gradient: usize,
  stride: i32,
): void {
  const size = rows << 2;
  let input = 0;
  for (; input + 4 <= inputs; input += 4) {
    const x0 = x + load<i32>(offsets);
    const x1 = x + load<i32>(offsets, 4);
    const x2 = x + load<i32>(offsets, 8);
    const x3 = x + load<i32>(offsets, 12);
    let g0 = gradient;
    let column = 0;
    for (; column + 32 <= stride; column += 32) {
      const g1 = g0 + stride;
      const g2 = g1 + stride;
      const g3 = g2 + stride;
      let a0 = v128.load(g0);
      let a1 = v128.load(g1);
      let a2 = v128.load(g2);
      let a3 = v128.load(g3);
      let b0 = v128.load(g0, 16);
      let b1 = v128.load(g1, 16);
      let b2 = v128.load(g2, 16);
      let b3 = v128.load(g3, 16);
      for (let at = 0; at < size; at += 4) {
        const patch = load<i32>(patches + at);
        const from = d + load<i32>(places + at) + column;
        const da = v128.load(from);
        const db = v128.load(from, 16);
        let v = v128.load32_splat(x0 + patch);
        a0 = f32x4.add(a0, f32x4.mul(v, da));
        b0 = f32x4.add(b0, f32x4.mul(v, db));
        v = v128.load32_splat(x1 + patch);
        a1 = f32x4.add(a1, f32x4.mul(v, da));
        b1 = f32x4.add(b1, f32x4.mul(v, db));
        v = v128.load32_splat(x2 + patch);
        a2 = f32x4.add(a2, f32x4.mul(v, da));
        b2 = f32x4.add(b2, f32x4.mul(v, db));
        v = v128.load32_splat(x3 + patch);
        a3 = f32x4.add(a3, f32x4.mul(v, da));
        b3 = f32x4.add(b3, f32x4.mul(v, db));
      }
      v128.store(g0, a0);
      v128.store(g1, a1);
      v128.store(g2, a2);
      v128.store(g3, a3);
      v128.store(g0, b0, 16);
      v128.store(g1, b1, 16);
      v128.store(g2, b2, 16);
      v128.store(g3, b3, 16);
      g0 += 32;
    }
    if (column < stride) {
      const g1 = g0 + stride;
      const g2 = g1 + stride;
      const g3 = g2 + stride;
      let a0 = v128.load(g0);
      let a1 = v128.load(g1);
      let a2 = v128.load(g2);
      let a3 = v128.load(g3);
      for (let at = 0; at < size; at += 4) {
        const patch = load<i32>(patches + at);
        const da = v128.load(d + load<i32>(places + at) + column);
        a0 = f32x4.add(a0, f32x4.mul(v128.load32_splat(x0 + patch), da));
        a1 = f32x4.add(a1, f32x4.mul(v128.load32_splat(x1 + patch), da));
        a2 = f32x4.add(a2, f32x4.mul(v128.load32_splat(x2 + patch), da));
        a3 = f32x4.add(a3, f32x4.mul(v128.load32_splat(x3 + patch), da));
      }
      v128.store(g0, a0);
      v128.store(g1, a1);
      v128.store(g2, a2);
      v128.store(g3, a3);
    }
    offsets += 16;
    gradient += stride << 2;
  }
  for (; input < inputs; input++) {
    const from = x + load<i32>(offsets);
    for (let column = 0; column < stride; column += 16) {
      let sum = v128.load(gradient + column);
      for (let at = 0; at < size; at += 4) {
        const v = v128.load32_splat(from + load<i32>(patches + at));
        sum = f32x4.add(sum, f32x4.mul(v, v128.load(d + load<i32>(places + at) + column)));
      }
      v128.store(gradient + column, sum);
    }
    offsets += 4;
    gradient += stride;
  }
}

/** db += Σ d over the rows, one after another. */
export function addBiasGradient(d: usize, rows: i32, places: usize, bias: usize, stride: i32): void {
  for (let column = 0; column < stride; column += 16) {
    let sum = v128.load(bias + column);
    for (let row = 0; row < rows; row++) {
      sum = f32x4.add(sum, v128.load(d + load<i32>(places + (row << 2)) + column));
    }
    v128.store(bias + column, sum);
  }
}

/**
 * dx += d·Wᵀ: adds a row's gradient to every pixel that its filters cover, one tap after another. `transposed` is from
 * `transpose`; `tapOffsets` tells where each tap's pixel lies in the patch. A tap's pixels differ from row to row.
 */
export function addInputGradient(
  d: usize, places: usize, rows: i32, outputs: i32, transposed: usize, taps: i32, tapOffsets: usize, dx: usize,
  patches: usize, pixelBytes: i32,
): void {
  const width = outputs << 2;
  for (let tap = 0; tap < taps; tap++) {
    const pixels = dx + load<i32>(tapOffsets + (tap << 2));
    let row = 0;
    for (; row + 4 <= rows; row += 4) {
      const at = row << 2;
      const d0 = d + load<i32>(places + at);
      const d1 = d + load<i32>(places + at, 4);
      const d2 = d + load<i32>(places + at, 8);
      const d3 = d + load<i32>(places + at, 12);
      let p0 = pixels + load<i32>(patches + at);
      let p1 = pixels + load<i32>(patches + at, 4);
      let p2 = pixels + load<i32>(patches + at, 8);
      let p3 = pixels + load<i32>(patches + at, 12);
      for (let column = 0; column < pixelBytes; column += 16) {
        let a0 = f32x4.splat(0);
        let a1 = f32x4.splat(0);
        let a2 = f32x4.splat(0);
        let a3 = f32x4.splat(0);
        let w = transposed + column;
        for (let offset = 0; offset < width; offset += 4) {
          const wa = v128.load(w);
          a0 = f32x4.add(a0, f32x4.mul(v128.load32_splat(d0 + offset), wa));
          a1 = f32x4.add(a1, f32x4.mul(v128.load32_splat(d1 + offset), wa));
          a2 = f32x4.add(a2, f32x4.mul(v128.load32_splat(d2 + offset), wa));
          a3 = f32x4.add(a3, f32x4.mul(v128.load32_splat(d3 + offset), wa));
          w += pixelBytes;
        }
        v128.store(p0, f32x4.add(v128.load(p0), a0));
        v128.store(p1, f32x4.add(v128.load(p1), a1));
        v128.store(p2, f32x4.add(v128.load(p2), a2));
        v128.store(p3, f32x4.add(v128.load(p3), a3));
        p0 += 16;
        p1 += 16;
        p2 += 16;
        p3 += 16;
      }
    }
    for (; row < rows; row++) {
      const from = d + load<i32>(places + (row << 2));
      const pixel = pixels + load<i32>(patches + (row << 2));
      for (let column = 0; column < pixelBytes; column += 16) {
        let sum = f32x4.splat(0);
        let w = transposed + column;
        for (let offset = 0; offset < width; offset += 4) {
          sum = f32x4.add(sum, f32x4.mul(v128.load32_splat(from + offset), v128.load(w)));
          w += pixelBytes;
        }
        v128.store(pixel + column, f32x4.add(v128.load(pixel + column), sum));
      }
    }
    transposed += outputs * pixelBytes;
  }
}

/** Sets d to 0 where relu's result is not positive. */
export function maskByRelu(d: usize, activations: usize, bytes: i32): void {
  for (let at = 0; at < bytes; at += 16) {
    const active = f32x4.gt(v128.load(activations + at), f32x4.splat(0));
    v128.store(d + at, v128.and(v128.load(d + at), active));
  }
}
