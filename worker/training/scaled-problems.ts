/**
 * Random scaling of coordinates (Lv, Jiang and Li 2017, "Learning gradient descent: better generalization and longer
 * horizons", arXiv 1703.03633): φ is trained on f(c∘θ) instead of f(θ), with c drawn anew for every
 * coordinate, problem and episode. So it learns not to rely on the scale of gradients, like Adam.
 */
import type * as tfjs from '@tensorflow/tfjs';
import { exp } from '../../shared/elementary.js';
import { fillUniform, type Key } from '../../shared/random.js';
import type { Batch, Draw, Gradient, HessianProduct, Problems, Split, Tf } from '../problems/problem.js';
import { streamKey } from '../problems/streams.js';

/**
 * The problems with every training draw scaled: θ_0 becomes θ_0/c, so that f starts at the same value, and the gradient
 * is c∘∇f(c∘θ), with c = e^u and u ~ U(−R, R). Draws for held-out evaluation, tuning and testing stay unscaled. c is
 * appended to the family's own data. R must be positive.
 */
export function scaleProblems(problems: Problems, range: number): Problems {
  const { createGradient: _gradient, createHessian: _hessian, ...rest } = problems;
  return {
    ...rest,
    draw: (key, count, split) => scaleDraw(problems.draw(key, count, split), key, count, split, range),
    loss: (tf, theta, batch, step) => scaledLoss(problems, tf, theta, batch, step),
  };
}

function scaleDraw({ theta, data }: Draw, key: Key, count: number, split: Split, range: number): Draw {
  if (split !== 'train') return { theta, data };
  const coordinates = theta.length / count;
  const all = new Float32Array(data.length + theta.length);
  all.set(data);
  const scales = all.subarray(data.length);
  for (let p = 0; p < count; p++) {
    fillUniform(streamKey(key, 'scale', p), scales.subarray(p * coordinates, (p + 1) * coordinates), -range, range);
  }
  for (let i = 0; i < scales.length; i++) scales[i] = exp(scales[i]!);
  return { theta: theta.map((value, i) => value / scales[i]!), data: all };
}

/** The family's own batch, and c [N]; c is undefined if the draw was not scaled. */
function separate(batch: Batch, length: number): { own: Batch; scales: Float32Array | undefined } {
  if (batch.split !== 'train') return { own: batch, scales: undefined };
  const { data } = batch;
  const end = data.length - length;
  const { tensor: _all, ...rest } = batch;
  return { own: { ...rest, data: data.subarray(0, end) }, scales: data.subarray(end) };
}

/** The gradient of the scaled problems, from that of the problems. */
export function scaleGradient(gradient: Gradient): Gradient {
  let point = new Float32Array(0);
  return (theta, batch, step, slopes, losses) => {
    const { own, scales } = separate(batch, theta.length);
    if (!scales) return gradient(theta, own, step, slopes, losses);
    if (point.length !== theta.length) point = new Float32Array(theta.length);
    for (let i = 0; i < point.length; i++) point[i] = scales[i]! * theta[i]!;
    gradient(point, own, step, slopes, losses);
    for (let i = 0; i < point.length; i++) slopes[i] = scales[i]! * slopes[i]!;
  };
}

/** H·v of the scaled problems, c∘H(c∘θ)·(c∘v), from that of the problems. */
export function scaleHessian(hessian: HessianProduct): HessianProduct {
  let point = new Float32Array(0);
  let direction = new Float32Array(0);
  return (theta, vector, batch, step, product) => {
    const { own, scales } = separate(batch, theta.length);
    if (!scales) return hessian(theta, vector, own, step, product);
    if (point.length !== theta.length) [point, direction] = [theta.slice(), vector.slice()];
    for (let i = 0; i < point.length; i++) {
      point[i] = scales[i]! * theta[i]!;
      direction[i] = scales[i]! * vector[i]!;
    }
    hessian(point, direction, own, step, product);
    for (let i = 0; i < point.length; i++) product[i] = scales[i]! * product[i]!;
  };
}

function scaledLoss(problems: Problems, tf: Tf, theta: tfjs.Tensor2D, batch: Batch, step: number): tfjs.Tensor1D {
  const { count, split, tensor } = batch;
  if (split !== 'train') return problems.loss(tf, theta, batch, step);
  return tf.tidy(() => {
    if (!tensor) {
      const { own, scales } = separate(batch, theta.size);
      // a tensor keeps the array that it is made from
      return problems.loss(tf, tf.mul(theta, tf.tensor2d(scales!.slice(), theta.shape)), own, step);
    }
    // data on the device is split there
    const length = tensor.size - theta.size;
    const all = tf.reshape(tensor, [tensor.size]) as tfjs.Tensor1D;
    const c = tf.reshape(tf.slice(all, length), theta.shape);
    const own = length === 0 ? undefined : tf.reshape(tf.slice(all, 0, length), [count, length / count]);
    return problems.loss(tf, tf.mul(theta, c), ownBatch(batch, length, own as tfjs.Tensor2D | undefined), step);
  });
}

/** The family's own batch, `length` numbers, on the device. Host data is computed only if it is read. */
function ownBatch(batch: Batch, length: number, tensor: tfjs.Tensor2D | undefined): Batch {
  return {
    count: batch.count,
    split: batch.split,
    part: batch.part,
    ...(tensor && { tensor }),
    get key() {
      return batch.key;
    },
    get data() {
      return batch.data.subarray(0, length);
    },
  };
}
