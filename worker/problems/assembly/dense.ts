/**
 * Forward and backward passes of dense networks on images, written in AssemblyScript: WebAssembly SIMD without relaxed
 * instructions, so every processor gives the same bits. A matrix is [rows × stride] f32: a row holds its columns, then zeros up to a
 * multiple of 4. Strides and offsets are in bytes. A layer's weights are [(inputs + 1) × outputs], the bias last.
 */

/** Tags of the activations: their numbers in ../dense.ts. */
const SIGMOID = 0;
const TANH = 1;

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

/** z = x·W + b, x as listed; 20 columns at a time in registers. */
export function forward(
  ends: usize, entries: usize, count: i32, inputs: i32, weights: usize, z: usize, stride: i32,
): void {
  const bias = weights + inputs * stride;
  for (let row = 0; row < count; row++) {
    const end = load<usize>(ends + (row << 2));
    let column = 0;
    for (; column + 80 <= stride; column += 80) {
      let z0 = v128.load(bias + column);
      let z1 = v128.load(bias + column, 16);
      let z2 = v128.load(bias + column, 32);
      let z3 = v128.load(bias + column, 48);
      let z4 = v128.load(bias + column, 64);
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
      let sum = v128.load(bias + column);
      for (let entry = entries; entry < end; entry += 8) {
        const w = weights + load<i32>(entry) + column;
        sum = f32x4.add(sum, f32x4.mul(v128.load32_splat(entry, 4), v128.load(w)));
      }
      v128.store(z + column, sum);
    }
    entries = end;
    z += stride;
  }
}

/** dW += xᵀ·dz and db += Σ dz, x as listed. */
export function weightGradient(
  ends: usize, entries: usize, count: i32, inputs: i32, dz: usize, gradient: usize, stride: i32,
): void {
  const bias = gradient + inputs * stride;
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
    for (let offset = 0; offset < stride; offset += 16) {
      v128.store(bias + offset, f32x4.add(v128.load(bias + offset), v128.load(dz + offset)));
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

/**
 * Softmax cross-entropy: returns Σ (ln Σ_k e^{z_k} − z_label) over the rows, in float64, and turns z into its gradient,
 * (softmax(z) − onehot(label)) · scale.
 */
export function crossEntropy(z: usize, count: i32, classes: i32, stride: i32, labels: usize, scale: f32): f64 {
  const width = classes << 2;
  let loss: f64 = 0;
  for (let row = 0; row < count; row++) {
    const label = z + (<usize>load<u8>(labels + row) << 2);
    let largest = load<f32>(z);
    for (let offset = 4; offset < width; offset += 4) largest = max(largest, load<f32>(z + offset));
    const margin = <f64>largest - <f64>load<f32>(label);
    for (let offset = 0; offset < stride; offset += 16) {
      v128.store(z + offset, exp(f32x4.sub(v128.load(z + offset), f32x4.splat(largest))));
    }
    let sum: f64 = 0;
    for (let offset = 0; offset < width; offset += 4) sum += <f64>load<f32>(z + offset);
    loss += log(sum) + margin;
    const factor = f32x4.splat(scale / <f32>sum);
    for (let offset = 0; offset < stride; offset += 16) {
      v128.store(z + offset, f32x4.mul(v128.load(z + offset), factor));
    }
    store<f32>(label, load<f32>(label) - scale);
    for (let offset = width; offset < stride; offset += 4) store<f32>(z + offset, 0);
    z += stride;
  }
  return loss;
}

/**
 * Squared error of y = σ(z): returns Σ (y − x)² over rows and pixels x, in float64, and turns z into its gradient,
 * 2·(y − x)·y·(1 − y) · scale. `pixels` is the bytes from image to image.
 */
export function squaredError(
  z: usize, count: i32, outputs: i32, stride: i32, images: usize, pixels: i32, scale: f32,
): f64 {
  let loss = f64x2.splat(0);
  for (let row = 0; row < count; row++) {
    for (let offset = 0; offset < stride; offset += 16) {
      const y = sigmoid(v128.load(z + offset));
      const error = v128.and(f32x4.sub(y, pixelsAt(images + (offset >> 2))), columnsBelow(outputs, offset));
      const square = f32x4.mul(error, error);
      loss = f64x2.add(loss, f64x2.add(f64x2.promote_low_f32x4(square), promoteHigh(square)));
      const slope = f32x4.mul(y, f32x4.sub(f32x4.splat(1), y));
      v128.store(z + offset, f32x4.mul(f32x4.mul(error, slope), f32x4.splat(2 * scale)));
    }
    images += pixels;
    z += stride;
  }
  return f64x2.extract_lane(loss, 0) + f64x2.extract_lane(loss, 1);
}

/**
 * Binary cross-entropy of y = σ(z): returns −Σ (x·ln y + (1 − x)·ln(1 − y)) over rows and pixels x, in float64, and
 * turns z into its gradient, (y − x) · scale. A term is max(z, 0) − x·z + ln(1 + e^−|z|); the logarithms are taken of
 * products, in two lanes.
 */
export function binaryCrossEntropy(
  z: usize, count: i32, outputs: i32, stride: i32, images: usize, pixels: i32, scale: f32,
): f64 {
  let loss: f64 = 0;
  for (let row = 0; row < count; row++) {
    let linear = f64x2.splat(0);
    let product = f64x2.splat(1);
    for (let offset = 0; offset < stride; offset += 16) {
      const mask = columnsBelow(outputs, offset);
      const logits = v128.load(z + offset);
      const x = pixelsAt(images + (offset >> 2));
      const term = v128.and(f32x4.sub(f32x4.max(logits, f32x4.splat(0)), f32x4.mul(x, logits)), mask);
      linear = f64x2.add(linear, f64x2.add(f64x2.promote_low_f32x4(term), promoteHigh(term)));
      const decay = v128.and(exp(f32x4.neg(f32x4.abs(logits))), mask);
      product = f64x2.mul(product, f64x2.add(f64x2.splat(1), f64x2.promote_low_f32x4(decay)));
      product = f64x2.mul(product, f64x2.add(f64x2.splat(1), promoteHigh(decay)));
      // a product of 1023 factors from 1 to 2 cannot overflow; each pass adds two
      if ((offset & 0xfff) == 0xff0) {
        loss += log(f64x2.extract_lane(product, 0)) + log(f64x2.extract_lane(product, 1));
        product = f64x2.splat(1);
      }
      const error = v128.and(f32x4.sub(sigmoid(logits), x), mask);
      v128.store(z + offset, f32x4.mul(error, f32x4.splat(scale)));
    }
    loss += log(f64x2.extract_lane(product, 0)) + log(f64x2.extract_lane(product, 1));
    loss += f64x2.extract_lane(linear, 0) + f64x2.extract_lane(linear, 1);
    images += pixels;
    z += stride;
  }
  return loss;
}

/** Four pixels as numbers from 0 to 1. */
export function pixelsAt(at: usize): v128 {
  const wide = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(at)));
  return f32x4.div(f32x4.convert_i32x4_u(wide), f32x4.splat(255));
}

/** A mask of the four columns from `offset`: all ones for those below `columns`. */
function columnsBelow(columns: i32, offset: i32): v128 {
  return i32x4.lt_s(i32x4.add(i32x4.splat(offset >> 2), i32x4(0, 1, 2, 3)), i32x4.splat(columns));
}

/** The upper two lanes in double precision. */
function promoteHigh(x: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<f32>(x, x, 2, 3, 2, 3));
}

function sigmoid(x: v128): v128 {
  return f32x4.div(f32x4.splat(1), f32x4.add(f32x4.splat(1), exp(f32x4.neg(x))));
}

/** The activation's derivative, from its value. */
function slope(activation: i32, value: f32): f32 {
  if (activation == SIGMOID) return value * (1 - value);
  if (activation == TANH) return 1 - value * value;
  return value > 0 ? 1 : 0;
}

/** The sum of a vector's lanes, in a fixed order. */
export function sumOfLanes(x: v128): f32 {
  const low = f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 1);
  return low + (f32x4.extract_lane(x, 2) + f32x4.extract_lane(x, 3));
}

/**
 * e^x within 2 ulp, x clamped to ±80 so that no later value is denormal (which costs 100 cycles per operation).
 * x = k·ln 2 + r with ln 2 in two parts; the polynomial of e^r is that of Cephes' expf.
 */
function exp(x: v128): v128 {
  x = f32x4.min(f32x4.max(x, f32x4.splat(-80)), f32x4.splat(80));
  const k = f32x4.nearest(f32x4.mul(x, f32x4.splat(1.44269504088896341)));
  let r = f32x4.sub(x, f32x4.mul(k, f32x4.splat(0.693359375)));
  r = f32x4.sub(r, f32x4.mul(k, f32x4.splat(-2.12194440e-4)));
  let sum = f32x4.splat(1.9875691500e-4);
  sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(1.3981999507e-3));
  sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(8.3334519073e-3));
  sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(4.1665795894e-2));
  sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(1.6666665459e-1));
  sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(5.0000001201e-1));
  sum = f32x4.add(f32x4.add(f32x4.mul(f32x4.mul(sum, r), r), r), f32x4.splat(1));
  const power = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(k), i32x4.splat(127)), 23);
  return f32x4.mul(sum, power);
}

/** tanh x: Cephes' polynomial below 0.625, where 1 − 2/(e^{2x} + 1) would cancel. */
function tanh(x: v128): v128 {
  const z = f32x4.mul(x, x);
  let near = f32x4.splat(-5.70498872745e-3);
  near = f32x4.add(f32x4.mul(near, z), f32x4.splat(2.06390887954e-2));
  near = f32x4.add(f32x4.mul(near, z), f32x4.splat(-5.37397155531e-2));
  near = f32x4.add(f32x4.mul(near, z), f32x4.splat(1.33314422036e-1));
  near = f32x4.add(f32x4.mul(near, z), f32x4.splat(-3.33332819422e-1));
  near = f32x4.add(f32x4.mul(f32x4.mul(near, z), x), x);
  const doubled = exp(f32x4.add(x, x));
  const far = f32x4.sub(f32x4.splat(1), f32x4.div(f32x4.splat(2), f32x4.add(doubled, f32x4.splat(1))));
  return v128.bitselect(near, far, f32x4.lt(f32x4.abs(x), f32x4.splat(0.625)));
}

/** ln x for a normal x > 0, as in shared/elementary.ts; returns an x that is not finite as it is. */
function log(x: f64): f64 {
  if (!isFinite(x)) return x;
  const bits = reinterpret<u64>(x);
  let k = <i32>(bits >> 52) - 1022;
  let m = reinterpret<f64>((bits & 0x000fffffffffffff) | 0x3fe0000000000000);
  if (m < 0.70710678118654752) {
    m *= 2;
    k -= 1;
  }
  const s = (m - 1) / (m + 1);
  const z = s * s;
  let series: f64 = 0;
  for (let n = 23; n >= 3; n -= 2) series = (series + 1 / <f64>n) * z;
  return <f64>k * 6.93147180369123816490e-1 + (2 * s + (2 * s * series + <f64>k * 1.90821492927058770002e-10));
}
