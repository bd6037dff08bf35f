/**
 * Forward and backward passes of dense networks on images, written in AssemblyScript: WebAssembly SIMD without relaxed
 * instructions, so every processor gives the same bits. A matrix is [rows × stride] f32: a row holds its columns, then zeros up to a
 * multiple of 4. Strides and offsets are in bytes. A layer's weights are [(inputs + 1) × outputs], the bias last.
 */
import { sigmoid, sumOfLanes, tanh } from './elementary';

/** Tags of the activations: their numbers in ../dense.ts. */
export const SIGMOID = 0;
export const TANH = 1;

/** Where free memory begins. */
export function heapBase(): usize {
  return __heap_base;
}

/** Copies a dense matrix into padded rows. Returns 0, or NaN if an element is not finite. */
export function pack(source: usize, rows: i32, columns: i32, target: usize, stride: i32): f32 {
  const whole = (columns >> 2) << 4;
  const width = columns << 2;
  let health = f32x4.splat(0);
  for (let row = 0; row < rows; row++) {
    for (let offset = 0; offset < whole; offset += 16) {
      const x = v128.load(source + offset);
      v128.store(target + offset, x);
      health = f32x4.add(health, f32x4.mul(x, f32x4.splat(0)));
    }
    if (whole < stride) {
      v128.store(target + whole, f32x4.splat(0));
      for (let offset = whole; offset < width; offset += 4) {
        store<f32>(target + offset, load<f32>(source + offset));
      }
      health = f32x4.add(health, f32x4.mul(v128.load(target + whole), f32x4.splat(0)));
    }
    source += width;
    target += stride;
  }
  return sumOfLanes(health);
}

/** Copies padded rows into a dense matrix. */
export function unpack(source: usize, rows: i32, columns: i32, stride: i32, target: usize): void {
  const whole = (columns >> 2) << 4;
  const width = columns << 2;
  for (let row = 0; row < rows; row++) {
    for (let offset = 0; offset < whole; offset += 16) v128.store(target + offset, v128.load(source + offset));
    for (let offset = whole; offset < width; offset += 4) {
      store<f32>(target + offset, load<f32>(source + offset));
    }
    source += stride;
    target += width;
  }
}

/**
 * Lists the pixels that are not 0, some 19 % of MNIST: for each the offset of its row of weights and byte/255, 8 bytes
 * together. `ends` [count] tells where each image's list ends. `pixels` is a multiple of 16.
 */
export function listPixels(images: usize, count: i32, pixels: i32, stride: i32, ends: usize, entries: usize): void {
  for (let image = 0; image < count; image++) {
    for (let at = 0; at < pixels; at += 16) {
      let found = ~i8x16.bitmask(i8x16.eq(v128.load(images + at), i8x16.splat(0))) & 0xffff;
      while (found != 0) {
        const pixel = at + ctz(found);
        found &= found - 1;
        store<i32>(entries, pixel * stride);
        store<f32>(entries, <f32>load<u8>(images + pixel) / 255, 4);
        entries += 8;
      }
    }
    images += pixels;
    store<usize>(ends + (image << 2), entries);
  }
}

/** The same list for a hidden layer's activations; about half of relu's are 0. */
export function listActivations(
  a: usize, count: i32, inputs: i32, aStride: i32, stride: i32, ends: usize, entries: usize,
): void {
  for (let row = 0; row < count; row++) {
    for (let input = 0; input < inputs; input++) {
      const value = load<f32>(a + (input << 2));
      if (value == 0) continue;
      store<i32>(entries, input * stride);
      store<f32>(entries, value, 4);
      entries += 8;
    }
    a += aStride;
    store<usize>(ends + (row << 2), entries);
  }
}

/** z = x·W + b, x as listed. */
export function forward(
  ends: usize, entries: usize, count: i32, inputs: i32, weights: usize, z: usize, stride: i32,
): void {
  multiply(ends, entries, count, weights, weights + inputs * stride, 0, z, stride);
}

/**
 * z = x·W + start, x as listed, where the next image starts `step` bytes further; 20 columns at a time in registers.
 * `start` may be z.
 */
export function multiply(
  ends: usize, entries: usize, count: i32, weights: usize, start: usize, step: i32, z: usize, stride: i32,
): void {
  for (let row = 0; row < count; row++) {
    const end = load<usize>(ends + (row << 2));
    let column = 0;
    for (; column + 80 <= stride; column += 80) {
      let z0 = v128.load(start + column);
      let z1 = v128.load(start + column, 16);
      let z2 = v128.load(start + column, 32);
      let z3 = v128.load(start + column, 48);
      let z4 = v128.load(start + column, 64);
      for (let entry = entries; entry < end; entry += 8) {
        const w = weights + load<i32>(entry) + column;
        const x = v128.load32_splat(entry, 4);
        z0 = f32x4.add(z0, f32x4.mul(x, v128.load(w)));
        z1 = f32x4.add(z1, f32x4.mul(x, v128.load(w, 16)));
        z2 = f32x4.add(z2, f32x4.mul(x, v128.load(w, 32)));
        z3 = f32x4.add(z3, f32x4.mul(x, v128.load(w, 48)));
        z4 = f32x4.add(z4, f32x4.mul(x, v128.load(w, 64)));
      }
      v128.store(z + column, z0);
      v128.store(z + column, z1, 16);
      v128.store(z + column, z2, 32);
      v128.store(z + column, z3, 48);
      v128.store(z + column, z4, 64);
    }
    for (; column < stride; column += 16) {
      let sum = v128.load(start + column);
      for (let entry = entries; entry < end; entry += 8) {
        const w = weights + load<i32>(entry) + column;
        sum = f32x4.add(sum, f32x4.mul(v128.load32_splat(entry, 4), v128.load(w)));
      }
      v128.store(z + column, sum);
    }
    entries = end;
    start += step;
    z += stride;
  }
}

/** dW += xᵀ·dz and db += Σ dz, x as listed. */
export function weightGradient(
  ends: usize, entries: usize, count: i32, inputs: i32, dz: usize, gradient: usize, stride: i32,
): void {
  addOuterProducts(ends, entries, count, dz, gradient, stride);
  const bias = gradient + inputs * stride;
  for (let row = 0; row < count; row++) {
    for (let offset = 0; offset < stride; offset += 16) {
      v128.store(bias + offset, f32x4.add(v128.load(bias + offset), v128.load(dz + offset)));
    }
    dz += stride;
  }
}

/** dW += xᵀ·dz, x as listed. */
export function addOuterProducts(
  ends: usize, entries: usize, count: i32, dz: usize, gradient: usize, stride: i32,
): void {
  for (let row = 0; row < count; row++) {
    const end = load<usize>(ends + (row << 2));
    let column = 0;
    for (; column + 80 <= stride; column += 80) {
      const d0 = v128.load(dz + column);
      const d1 = v128.load(dz + column, 16);
      const d2 = v128.load(dz + column, 32);
      const d3 = v128.load(dz + column, 48);
      const d4 = v128.load(dz + column, 64);
      for (let entry = entries; entry < end; entry += 8) {
        const g = gradient + load<i32>(entry) + column;
        const x = v128.load32_splat(entry, 4);
        v128.store(g, f32x4.add(v128.load(g), f32x4.mul(x, d0)));
        v128.store(g, f32x4.add(v128.load(g, 16), f32x4.mul(x, d1)), 16);
        v128.store(g, f32x4.add(v128.load(g, 32), f32x4.mul(x, d2)), 32);
        v128.store(g, f32x4.add(v128.load(g, 48), f32x4.mul(x, d3)), 48);
        v128.store(g, f32x4.add(v128.load(g, 64), f32x4.mul(x, d4)), 64);
      }
    }
    for (; column < stride; column += 16) {
      const d = v128.load(dz + column);
      for (let entry = entries; entry < end; entry += 8) {
        const g = gradient + load<i32>(entry) + column;
        v128.store(g, f32x4.add(v128.load(g), f32x4.mul(v128.load32_splat(entry, 4), d)));
      }
    }
    entries = end;
    dz += stride;
  }
}

/** Turns a hidden layer's activations a into the gradient before the activation, (dz·Wᵀ)·a′. */
export function inputGradient(
  activation: i32, a: usize, count: i32, inputs: i32, aStride: i32, dz: usize, weights: usize, stride: i32,
): void {
  for (let row = 0; row < count; row++) {
    let w = weights;
    for (let input = 0; input < inputs; input++) {
      let dot = f32x4.splat(0);
      for (let offset = 0; offset < stride; offset += 16) {
        dot = f32x4.add(dot, f32x4.mul(v128.load(w + offset), v128.load(dz + offset)));
      }
      const at = a + (input << 2);
      store<f32>(at, sumOfLanes(dot) * slope(activation, load<f32>(at)));
      w += stride;
    }
    for (let offset = inputs << 2; offset < aStride; offset += 4) store<f32>(a + offset, 0);
    a += aStride;
    dz += stride;
  }
}

/** Applies the activation in place. */
export function activate(activation: i32, z: usize, bytes: i32): void {
  const end = z + bytes;
  for (; z < end; z += 16) {
    const x = v128.load(z);
    let y = f32x4.max(x, f32x4.splat(0));
    if (activation == SIGMOID) y = sigmoid(x);
    else if (activation == TANH) y = tanh(x);
    v128.store(z, y);
  }
}

/** The activation's derivative, from its value. */
export function slope(activation: i32, value: f32): f32 {
  if (activation == SIGMOID) return value * (1 - value);
  if (activation == TANH) return 1 - value * value;
  return value > 0 ? 1 : 0;
}
