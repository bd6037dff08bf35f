/**
 * r = Wθ − y of every problem, for the families with a least-squares term. The data of a problem begin with W
 * [rows × columns], row by row, then y [rows]; the rest is up to the family.
 */
import type * as tfjs from '@tensorflow/tfjs';
import { dataTensor } from './data-tensor.js';
import type { Batch, Tf } from './problem.js';
import { matrixVectorProducts } from './products.js';

/** The shape of W. */
export interface LeastSquaresShape {
  rows: number;
  /** Coordinates of θ. */
  columns: number;
}

/** r of every problem on tensors: θ is [P, columns]; returns [P, rows]. */
export function residuals(
  tf: Tf,
  theta: tfjs.Tensor2D,
  batch: Batch,
  { rows, columns }: LeastSquaresShape,
): tfjs.Tensor2D {
  return tf.tidy(() => {
    const all = dataTensor(tf, batch);
    const { count } = batch;
    const w: tfjs.Tensor3D = tf.reshape(tf.slice(all, [0, 0], [count, rows * columns]), [count, rows, columns]);
    const y = tf.slice(all, [0, rows * columns], [count, rows]);
    return tf.sub<tfjs.Tensor2D>(matrixVectorProducts(tf, w, theta), y);
  });
}

/** Writes WᵀWv of one problem to `out` [columns], for v [columns], with sums in double precision. */
export function normalProduct(
  data: Float32Array,
  from: number,
  vector: Float64Array,
  out: Float64Array,
  { rows, columns }: LeastSquaresShape,
): void {
  out.fill(0);
  for (let i = 0; i < rows; i++) {
    const row = from + i * columns;
    let image = 0;
    for (let j = 0; j < columns; j++) image += data[row + j]! * vector[j]!;
    for (let j = 0; j < columns; j++) out[j]! += data[row + j]! * image;
  }
}

/**
 * Writes Wᵀr of one problem to `out` [columns] and returns ||r||², with sums in double precision.
 *
 * @param from where the problem's data begins
 * @param theta the problem's parameters, [columns]
 */
export function leastSquares(
  data: Float32Array,
  from: number,
  theta: Float64Array,
  out: Float64Array,
  { rows, columns }: LeastSquaresShape,
): number {
  const y = from + rows * columns;
  let total = 0;
  let i = 0;
  out.fill(0);
  // two rows at a time, so that their sums run in parallel
  for (; i + 1 < rows; i += 2) {
    const upper = from + i * columns;
    const lower = upper + columns;
    let r = -data[y + i]!;
    let q = -data[y + i + 1]!;
    for (let j = 0; j < columns; j++) {
      r += data[upper + j]! * theta[j]!;
      q += data[lower + j]! * theta[j]!;
    }
    for (let j = 0; j < columns; j++) out[j]! += data[upper + j]! * r + data[lower + j]! * q;
    total += r * r + q * q;
  }
  if (i < rows) {
    const bottom = from + i * columns;
    let r = -data[y + i]!;
    for (let j = 0; j < columns; j++) r += data[bottom + j]! * theta[j]!;
    for (let j = 0; j < columns; j++) out[j]! += data[bottom + j]! * r;
    total += r * r;
  }
  return total;
}
