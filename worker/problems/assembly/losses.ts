/**
 * Losses of a network's outputs z [count × stride], with their gradient and how it changes when z does. The padding of
 * z and of its change r is 0.
 */
import { exp, log, promoteHigh, sigmoid, sumOfLanes } from './elementary';

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
 * The derivative of `crossEntropy`'s gradient along a change r of the outputs: turns r into q·(r − Σ q·r / Σ q), with
 * q = softmax(z) · scale. `d` is what `crossEntropy` made of z: q − onehot(label) · scale.
 */
export function crossEntropyCurvature(
  d: usize, r: usize, count: i32, stride: i32, labels: usize, scale: f32,
): void {
  for (let row = 0; row < count; row++) {
    const label = <i32>load<u8>(labels + row);
    let dot = f32x4.splat(0);
    for (let offset = 0; offset < stride; offset += 16) {
      const q = softmaxAt(d, offset, label, scale);
      dot = f32x4.add(dot, f32x4.mul(q, v128.load(r + offset)));
    }
    const mean = f32x4.splat(sumOfLanes(dot) / scale);
    for (let offset = 0; offset < stride; offset += 16) {
      const q = softmaxAt(d, offset, label, scale);
      v128.store(r + offset, f32x4.mul(q, f32x4.sub(v128.load(r + offset), mean)));
    }
    d += stride;
    r += stride;
  }
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
 * `squaredError` differentiated along a change r of z: turns z into the same gradient, and r into that gradient's change,
 * 2·s·(s + (y − x)·(1 − 2·y))·r · scale with s = y·(1 − y).
 */
export function squaredErrorCurvature(
  z: usize, r: usize, count: i32, outputs: i32, stride: i32, images: usize, pixels: i32, scale: f32,
): void {
  const one = f32x4.splat(1);
  const factor = f32x4.splat(2 * scale);
  for (let row = 0; row < count; row++) {
    for (let offset = 0; offset < stride; offset += 16) {
      const y = sigmoid(v128.load(z + offset));
      const error = v128.and(f32x4.sub(y, pixelsAt(images + (offset >> 2))), columnsBelow(outputs, offset));
      const rest = f32x4.sub(one, y);
      const slope = f32x4.mul(y, rest);
      v128.store(z + offset, f32x4.mul(f32x4.mul(error, slope), factor));
      const bend = f32x4.add(slope, f32x4.mul(error, f32x4.sub(rest, y)));
      const curvature = f32x4.mul(f32x4.mul(slope, bend), factor);
      v128.store(r + offset, f32x4.mul(curvature, v128.load(r + offset)));
    }
    images += pixels;
    z += stride;
    r += stride;
  }
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

/**
 * `binaryCrossEntropy` differentiated along a change r of z: turns z into the same gradient, and r into that gradient's
 * change, y·(1 − y)·r · scale.
 */
export function binaryCrossEntropyCurvature(
  z: usize, r: usize, count: i32, outputs: i32, stride: i32, images: usize, pixels: i32, scale: f32,
): void {
  const factor = f32x4.splat(scale);
  for (let row = 0; row < count; row++) {
    for (let offset = 0; offset < stride; offset += 16) {
      const y = sigmoid(v128.load(z + offset));
      const error = v128.and(f32x4.sub(y, pixelsAt(images + (offset >> 2))), columnsBelow(outputs, offset));
      v128.store(z + offset, f32x4.mul(error, factor));
      const slope = f32x4.mul(y, f32x4.sub(f32x4.splat(1), y));
      v128.store(r + offset, f32x4.mul(f32x4.mul(slope, factor), v128.load(r + offset)));
    }
    images += pixels;
    z += stride;
    r += stride;
  }
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

/** Four values of softmax(z) · scale, from the gradient of the cross-entropy. */
function softmaxAt(d: usize, offset: i32, label: i32, scale: f32): v128 {
  const columns = i32x4.add(i32x4.splat(offset >> 2), i32x4(0, 1, 2, 3));
  const own = i32x4.eq(columns, i32x4.splat(label));
  return f32x4.add(v128.load(d + offset), v128.and(f32x4.splat(scale), own));
}
