/** The perceptron's passes over one tensor; ../../passes.ts says what each computes. Pointers are byte offsets. */
import { fma } from '../../../../devices/assembly/fma';
import { exp } from '../../../../problems/assembly/elementary';

/** Lanes that sums are made of. */
const GROUP: i32 = 16;
/** Vectors of four lanes in a group. */
const PARTS: i32 = 4;
const FEATURES: i32 = 18;
/** Units that are computed together. */
const UNITS: i32 = 8;
const MOST_UNITS: i32 = 64;

// offsets of numbers, in floats
const MEAN_SHARES: i32 = 3;
const SQUARE_DECAY: i32 = 6;
const SQUARE_SHARE: i32 = 7;
const LARGEST_GRADIENT: i32 = 8;
const ROOT_FACTOR: i32 = 3;
const ROOT_EPSILON: i32 = 4;
const SQUARE_FACTOR: i32 = 5;
const CLIP: i32 = 6;
const GRADIENT_LIMIT: i32 = 7;
const ADAM_FACTOR: i32 = 8;
const SLOW_FACTOR: i32 = 9;
const STEP: i32 = 10;
const MAGNITUDE_FACTOR: i32 = 11;
const MAGNITUDE_LOW: i32 = 12;
const MAGNITUDE_HIGH: i32 = 13;

/** Sums of up to 18 features, each a group of lanes. */
const lanes = memory.data(4 * FEATURES * GROUP, 16);
/** The features of four coordinates, 18 vectors. */
const features = memory.data(16 * FEATURES, 16);
/** Values of a layer's units, and of the next one's. */
const values = memory.data(16 * MOST_UNITS, 16);
const others = memory.data(16 * MOST_UNITS, 16);

/** Padded units of each layer. */
let layers: i32 = 0;
let firstUnits: i32 = 0;
let secondUnits: i32 = 0;
let thirdUnits: i32 = 0;

/** Adds a layer of so many units, a multiple of 8. */
export function addLayer(units: i32): void {
  if (layers == 0) firstUnits = units;
  else if (layers == 1) secondUnits = units;
  else thirdUnits = units;
  layers += 1;
}

export function heapBase(): usize {
  return __heap_base;
}

// @ts-ignore: decorator
@inline
function number(numbers: usize, index: i32): f32 {
  return load<f32>(numbers + 4 * index);
}

// @ts-ignore: decorator
@inline
function numbersOf(numbers: usize, index: i32): v128 {
  return v128.load32_splat(numbers + 4 * index);
}

// @ts-ignore: decorator
@inline
function padded(length: i32): i32 {
  return (length + GROUP - 1) & ~(GROUP - 1);
}

/** x within ±limit; a NaN stays one. */
// @ts-ignore: decorator
@inline
function within(value: v128, limit: v128): v128 {
  return f32x4.pmax(f32x4.pmin(value, limit), f32x4.neg(limit));
}

/** Lanes from `left` on are 0. */
// @ts-ignore: decorator
@inline
function firstLanes(value: v128, left: i32): v128 {
  if (left >= 4) return value;
  return v128.and(value, i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(left)));
}

/** The sum of a group's lanes: halves on halves. */
function sumOfGroup(at: usize): f32 {
  for (let half = GROUP >> 1; half > 0; half >>= 1) {
    for (let i = 0; i < half; i++) {
      const lane = at + 4 * i;
      store<f32>(lane, load<f32>(lane) + load<f32>(lane + 4 * half));
    }
  }
  return load<f32>(at);
}

export function moments(
  gradient: usize,
  theta: usize,
  means: usize,
  stride: i32,
  _rows: i32,
  _columns: i32,
  numbers: usize,
  sums: usize,
): void {
  const limit = numbersOf(numbers, LARGEST_GRADIENT);
  const squareDecay = numbersOf(numbers, SQUARE_DECAY);
  const squareShare = numbersOf(numbers, SQUARE_SHARE);
  for (let part = 0; part < PARTS; part++) {
    let gradients = f32x4.splat(0);
    let thetas = f32x4.splat(0);
    let first = f32x4.splat(0);
    let second = f32x4.splat(0);
    let third = f32x4.splat(0);
    let squares = f32x4.splat(0);
    for (let i = 4 * part; i < stride; i += GROUP) {
      const g = within(v128.load(gradient + 4 * i), limit);
      const t = v128.load(theta + 4 * i);
      const square = f32x4.mul(g, g);
      gradients = f32x4.add(gradients, square);
      thetas = fma(t, t, thetas);
      let at = means + 4 * i;
      let mean = fma(numbersOf(numbers, 0), v128.load(at), f32x4.mul(numbersOf(numbers, MEAN_SHARES), g));
      v128.store(at, mean);
      first = fma(mean, mean, first);
      at += 4 * stride;
      mean = fma(numbersOf(numbers, 1), v128.load(at), f32x4.mul(numbersOf(numbers, MEAN_SHARES + 1), g));
      v128.store(at, mean);
      second = fma(mean, mean, second);
      at += 4 * stride;
      mean = fma(numbersOf(numbers, 2), v128.load(at), f32x4.mul(numbersOf(numbers, MEAN_SHARES + 2), g));
      v128.store(at, mean);
      third = fma(mean, mean, third);
      at += 4 * stride;
      mean = fma(squareDecay, v128.load(at), f32x4.mul(squareShare, square));
      v128.store(at, mean);
      squares = f32x4.add(squares, mean);
    }
    const at = lanes + 16 * part;
    v128.store(at, gradients);
    v128.store(at + 4 * GROUP, thetas);
    v128.store(at + 8 * GROUP, first);
    v128.store(at + 12 * GROUP, second);
    v128.store(at + 16 * GROUP, third);
    v128.store(at + 20 * GROUP, squares);
  }
  for (let k = 0; k < 6; k++) store<f32>(sums + 4 * k, sumOfGroup(lanes + 4 * k * GROUP));
}

export function squares(
  gradient: usize,
  _theta: usize,
  _means: usize,
  _stride: i32,
  rows: i32,
  columns: i32,
  largest: f32,
  rowSums: usize,
  columnSums: usize,
): void {
  const limit = f32x4.splat(largest);
  memory.fill(columnSums, 0, 4 * padded(columns));
  for (let r = 0; r < rows; r++) {
    const row = gradient + 4 * r * columns;
    memory.fill(lanes, 0, 4 * GROUP);
    for (let c = 0; c < columns; c += 4) {
      const g = within(firstLanes(v128.load(row + 4 * c), columns - c), limit);
      const square = f32x4.mul(g, g);
      const lane = lanes + 4 * (c & (GROUP - 1));
      v128.store(lane, f32x4.add(v128.load(lane), square));
      const column = columnSums + 4 * c;
      v128.store(column, f32x4.add(v128.load(column), square));
    }
    store<f32>(rowSums + 4 * r, sumOfGroup(lanes));
  }
}

/**
 * Writes the features of four coordinates at a column of a row, of which `left` are the row's; those of the others are 0, even
 * if a number is infinite: how many there are depends on the width of a register.
 */
// @ts-ignore: decorator
@inline
function featuresAt(
  gradient: usize,
  theta: usize,
  means: usize,
  stride: i32,
  rows: i32,
  columns: i32,
  rowFactors: usize,
  columnFactors: usize,
  numbers: usize,
  r: i32,
  c: i32,
  left: i32,
): void {
  const i = 4 * (r * columns + c);
  const g = firstLanes(within(v128.load(gradient + i), numbersOf(numbers, GRADIENT_LIMIT)), left);
  const square = v128.load(means + 12 * stride + i);
  const sum = fma(square, numbersOf(numbers, ROOT_FACTOR), numbersOf(numbers, ROOT_EPSILON));
  const root = firstLanes(f32x4.div(f32x4.splat(1), f32x4.sqrt(sum)), left);
  v128.store(features, g);
  v128.store(features, firstLanes(within(g, numbersOf(numbers, CLIP)), left), 16);
  v128.store(features, firstLanes(v128.load(theta + i), left), 32);
  v128.store(features, firstLanes(f32x4.mul(square, numbersOf(numbers, SQUARE_FACTOR)), left), 96);
  v128.store(features, root, 160);
  v128.store(features, f32x4.mul(g, root), 176);
  const wide = 4 * padded(columns);
  for (let k = 0; k < 3; k++) {
    const mean = firstLanes(f32x4.mul(v128.load(means + 4 * k * stride + i), numbersOf(numbers, k)), left);
    const row = v128.load32_splat(rowFactors + 4 * (k * rows + r));
    const column = columnFactors + k * wide + 4 * c;
    const at = features + 16 * k;
    v128.store(at, mean, 48);
    v128.store(at, f32x4.mul(mean, root), 112);
    v128.store(at, firstLanes(f32x4.mul(g, f32x4.mul(row, v128.load(column))), left), 192);
    v128.store(at, firstLanes(f32x4.mul(mean, f32x4.mul(row, v128.load(column + 3 * wide))), left), 240);
  }
}

export function featureSums(
  gradient: usize,
  theta: usize,
  means: usize,
  stride: i32,
  rows: i32,
  columns: i32,
  rowFactors: usize,
  columnFactors: usize,
  numbers: usize,
  sums: usize,
): void {
  memory.fill(lanes, 0, 4 * FEATURES * GROUP);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c += 4) {
      featuresAt(
        gradient,
        theta,
        means,
        stride,
        rows,
        columns,
        rowFactors,
        columnFactors,
        numbers,
        r,
        c,
        columns - c,
      );
      let lane = lanes + 4 * (c & (GROUP - 1));
      for (let f = 0; f < FEATURES; f++) {
        const feature = v128.load(features + 16 * f);
        v128.store(lane, fma(feature, feature, v128.load(lane)));
        lane += 4 * GROUP;
      }
    }
  }
  for (let f = 0; f < FEATURES; f++) store<f32>(sums + 4 * f, sumOfGroup(lanes + 4 * f * GROUP));
}

export function project(vectors: usize, count: i32, length: i32, weights: usize, parts: usize): void {
  const units = firstUnits;
  for (let u = 0; u < units; u++) {
    const weight = weights + 4 * u;
    for (let i = 0; i < 4 * length; i += 16) {
      // the first row are the constants
      let sum = v128.load32_splat(weight);
      for (let v = 0; v < count; v++) {
        const factor = v128.load32_splat(weight + 4 * (v + 1) * units);
        sum = fma(factor, v128.load(vectors + 4 * v * length + i), sum);
      }
      v128.store(parts + 4 * u * length + i, sum);
    }
  }
}

/** Adds Σ_i weights[i × units + u]·inputs[i] to the values of every unit u. */
function add(inputs: usize, count: i32, weights: usize, units: i32, sums: usize): void {
  for (let first = 0; first < units; first += UNITS) {
    const at = sums + 16 * first;
    let a = v128.load(at);
    let b = v128.load(at, 16);
    let c = v128.load(at, 32);
    let d = v128.load(at, 48);
    let e = v128.load(at, 64);
    let f = v128.load(at, 80);
    let g = v128.load(at, 96);
    let h = v128.load(at, 112);
    let weight = weights + 4 * first;
    for (let i = 0; i < count; i++) {
      const input = v128.load(inputs + 16 * i);
      a = fma(v128.load32_splat(weight), input, a);
      b = fma(v128.load32_splat(weight, 4), input, b);
      c = fma(v128.load32_splat(weight, 8), input, c);
      d = fma(v128.load32_splat(weight, 12), input, d);
      e = fma(v128.load32_splat(weight, 16), input, e);
      f = fma(v128.load32_splat(weight, 20), input, f);
      g = fma(v128.load32_splat(weight, 24), input, g);
      h = fma(v128.load32_splat(weight, 28), input, h);
      weight += 4 * units;
    }
    v128.store(at, a);
    v128.store(at, b, 16);
    v128.store(at, c, 32);
    v128.store(at, d, 48);
    v128.store(at, e, 64);
    v128.store(at, f, 80);
    v128.store(at, g, 96);
    v128.store(at, h, 112);
  }
}

/** What is negative becomes 0. */
function rectify(sums: usize, units: i32): void {
  for (let u = 0; u < units; u++) {
    const at = sums + 16 * u;
    v128.store(at, f32x4.pmax(v128.load(at), f32x4.splat(0)));
  }
}

export function apply(
  gradient: usize,
  theta: usize,
  means: usize,
  stride: i32,
  rows: i32,
  columns: i32,
  rowFactors: usize,
  columnFactors: usize,
  rowPart: usize,
  columnPart: usize,
  weights: usize,
  numbers: usize,
  updates: usize,
): void {
  const wide = 4 * padded(columns);
  const tall = 4 * padded(rows);
  const low = numbersOf(numbers, MAGNITUDE_LOW);
  const high = numbersOf(numbers, MAGNITUDE_HIGH);
  const step = f32x4.splat(-number(numbers, STEP));
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c += 4) {
      featuresAt(gradient, theta, means, stride, rows, columns, rowFactors, columnFactors, numbers, r, c, 4);
      let weight = weights;
      let below = 0;
      let own: usize = values;
      let next: usize = others;
      for (let l = 0; l < layers; l++) {
        const units = l == 0 ? firstUnits : l == 1 ? secondUnits : thirdUnits;
        if (l == 0) {
          for (let u = 0; u < units; u++) {
            let sum = v128.load32_splat(rowPart + u * tall + 4 * r);
            if (columnPart != 0) sum = f32x4.add(sum, v128.load(columnPart + u * wide + 4 * c));
            v128.store(own + 16 * u, sum);
          }
          add(features, FEATURES, weight, units, own);
          weight += 4 * FEATURES * units;
        } else {
          const biases = weight + 4 * below * units;
          for (let u = 0; u < units; u++) v128.store(next + 16 * u, v128.load32_splat(biases + 4 * u));
          add(own, below, weight, units, next);
          weight = biases + 4 * units;
          const swap = own;
          own = next;
          next = swap;
        }
        rectify(own, units);
        below = units;
      }
      let direction = v128.load32_splat(weight + 8 * below);
      let magnitude = v128.load32_splat(weight + 8 * below, 4);
      for (let u = 0; u < below; u++) {
        const value = v128.load(own + 16 * u);
        direction = fma(v128.load32_splat(weight + 8 * u), value, direction);
        magnitude = fma(v128.load32_splat(weight + 8 * u, 4), value, magnitude);
      }
      const bounded = f32x4.pmax(f32x4.pmin(f32x4.mul(numbersOf(numbers, MAGNITUDE_FACTOR), magnitude), high), low);
      let sum = fma(numbersOf(numbers, ADAM_FACTOR), v128.load(features, 112), direction);
      sum = fma(numbersOf(numbers, SLOW_FACTOR), v128.load(features, 64), sum);
      v128.store(updates + 4 * (r * columns + c), f32x4.mul(f32x4.mul(step, exp(bounded)), sum));
    }
  }
}
