/**
 * Random scaling of the problems that φ is trained on, so that it learns not to rely on the scale of θ, of gradients or of
 * losses, like Adam. φ is trained on f(c∘θ) instead of f(θ), with the factor c of a coordinate drawn anew for every
 * problem and episode as the product of
 *
 *     e^u, u ~ U(−R, R)     of every coordinate (Lv, Jiang and Li 2017, arXiv 1703.03633)
 *     10^u, u ~ U(−R, R)    of every tensor of θ
 *     10^u, u ~ U(−R, R)    of the whole problem (these two as in Metz et al. 2022, arXiv 2211.09760)
 *
 * Besides, the gradients that the optimizer reads may be those of s·f, s = 10^u of the whole problem. Its losses stay those
 * of f: what φ is trained for is in the problem's own unit, or a large s would count for more.
 */
import type * as tfjs from '@tensorflow/tfjs';
import { exp } from '../../shared/elementary.js';
import { fillUniform, type Key } from '../../shared/random.js';
import type { AugmentationConfig } from '../../shared/training.js';
import { parametersOf, sizeOf } from '../problems/parameter-tensors.js';
import type { Batch, Draw, Gradient, HessianProduct, Problems, Tf } from '../problems/problem.js';
import { streamKey } from '../problems/streams.js';

/** Whether θ is scaled, and so c is drawn. */
function scalesTheta({ coordinateScale, tensorScale, problemScale }: AugmentationConfig): boolean {
  return coordinateScale > 0 || tensorScale > 0 || problemScale > 0;
}

/** Whether anything is scaled. */
export function scalesProblems(scaling: AugmentationConfig): boolean {
  return scalesTheta(scaling) || scaling.lossScale > 0;
}

/**
 * The problems with every training draw scaled: θ_0 becomes θ_0/c, so that f starts at the same value, and the gradient
 * is s·c∘∇f(c∘θ). Draws for held-out evaluation, tuning and testing stay unscaled. c [N] and s [P], as far as they are
 * drawn, are appended to the family's own data. Something must be scaled.
 */
export function scaleProblems(problems: Problems, scaling: AugmentationConfig): Problems {
  const { createGradient: _gradient, createHessian: _hessian, ...rest } = problems;
  return {
    ...rest,
    draw(key, count, split) {
      const draw = problems.draw(key, count, split);
      return split === 'train' ? scaleDraw(problems, draw, key, count, scaling) : draw;
    },
    loss: (tf, theta, batch, step) => scaledLoss(problems, scaling, tf, theta, batch, step),
  };
}

function scaleDraw(
  problems: Problems,
  { theta, data }: Draw,
  key: Key,
  count: number,
  scaling: AugmentationConfig,
): Draw {
  const thetaScales = scalesTheta(scaling) ? thetaScalesOf(problems, theta.length, key, count, scaling) : undefined;
  const lossScales =
    scaling.lossScale > 0
      ? Float32Array.from({ length: count }, (_, p) => powerOf10(streamKey(key, 'lossScale', p), scaling.lossScale))
      : undefined;
  const all = new Float32Array(data.length + (thetaScales?.length ?? 0) + (lossScales?.length ?? 0));
  all.set(data);
  if (thetaScales) all.set(thetaScales, data.length);
  if (lossScales) all.set(lossScales, all.length - count);
  return { theta: thetaScales ? theta.map((value, i) => value / thetaScales[i]!) : theta, data: all };
}

/** c of every coordinate of P problems, [N]. */
function thetaScalesOf(
  problems: Problems,
  length: number,
  key: Key,
  count: number,
  { coordinateScale, tensorScale, problemScale }: AugmentationConfig,
): Float32Array {
  const scales = new Float32Array(length);
  const coordinates = length / count;
  const own = (p: number) => scales.subarray(p * coordinates, (p + 1) * coordinates);
  // the product of several, or e^u alone
  for (let p = 0; p < count; p++) {
    fillUniform(streamKey(key, 'scale', p), own(p), -coordinateScale, coordinateScale);
  }
  for (let i = 0; i < scales.length; i++) scales[i] = exp(scales[i]!);
  const sizes = tensorScale > 0 ? parametersOf(problems, key).map(sizeOf) : [];
  for (let p = 0; p < count; p++) {
    let at = 0;
    powersOf10(streamKey(key, 'tensorScale', p), sizes.length, tensorScale).forEach((factor, tensor) => {
      for (const end = at + sizes[tensor]!; at < end; at++) own(p)[at]! *= factor;
    });
    if (problemScale === 0) continue;
    const factor = powerOf10(streamKey(key, 'problemScale', p), problemScale);
    for (let i = 0; i < coordinates; i++) own(p)[i]! *= factor;
  }
  return scales;
}

/** 10^u with u ~ U(−R, R), so many times. */
function powersOf10(key: Key, count: number, range: number): Float64Array {
  const exponents = new Float32Array(count);
  fillUniform(key, exponents, -range, range);
  return Float64Array.from(exponents, (exponent) => exp(Math.LN10 * exponent));
}

function powerOf10(key: Key, range: number): number {
  return powersOf10(key, 1, range)[0]!;
}

/** The family's own batch, with c [N] and s [P] if there are such. */
interface Separated {
  readonly own: Batch;
  readonly thetaScales?: Float32Array | undefined;
  readonly lossScales?: Float32Array | undefined;
}

/** A draw that was not scaled has neither c nor s. */
function separate(batch: Batch, length: number, scaling: AugmentationConfig): Separated {
  if (batch.split !== 'train') return { own: batch };
  const { tensor: _all, data, count, ...rest } = batch;
  const lossFrom = data.length - (scaling.lossScale > 0 ? count : 0);
  const end = lossFrom - (scalesTheta(scaling) ? length : 0);
  return {
    own: { ...rest, count, data: data.subarray(0, end) },
    thetaScales: scalesTheta(scaling) ? data.subarray(end, lossFrom) : undefined,
    lossScales: scaling.lossScale > 0 ? data.subarray(lossFrom) : undefined,
  };
}

/** The gradient of the scaled problems, from that of the problems. */
export function scaleGradient(gradient: Gradient, scaling: AugmentationConfig): Gradient {
  let point = new Float32Array(0);
  return (theta, batch, step, slopes, losses) => {
    const { own, thetaScales, lossScales } = separate(batch, theta.length, scaling);
    if (thetaScales) {
      if (point.length !== theta.length) point = new Float32Array(theta.length);
      for (let i = 0; i < point.length; i++) point[i] = thetaScales[i]! * theta[i]!;
    }
    gradient(thetaScales ? point : theta, own, step, slopes, losses);
    scaleSlopes(slopes, thetaScales, lossScales);
  };
}

/** s·c∘v, in place. */
function scaleSlopes(slopes: Float32Array, thetaScales?: Float32Array, lossScales?: Float32Array): void {
  if (thetaScales) for (let i = 0; i < slopes.length; i++) slopes[i] = thetaScales[i]! * slopes[i]!;
  if (!lossScales) return;
  const coordinates = slopes.length / lossScales.length;
  for (let i = 0; i < slopes.length; i++) slopes[i] = lossScales[Math.floor(i / coordinates)]! * slopes[i]!;
}

/** H·v of the scaled problems, s·c∘H(c∘θ)·(c∘v), from that of the problems. */
export function scaleHessian(hessian: HessianProduct, scaling: AugmentationConfig): HessianProduct {
  let point = new Float32Array(0);
  let direction = new Float32Array(0);
  return (theta, vector, batch, step, product) => {
    const { own, thetaScales, lossScales } = separate(batch, theta.length, scaling);
    if (thetaScales) {
      if (point.length !== theta.length) [point, direction] = [theta.slice(), vector.slice()];
      for (let i = 0; i < point.length; i++) {
        point[i] = thetaScales[i]! * theta[i]!;
        direction[i] = thetaScales[i]! * vector[i]!;
      }
      hessian(point, direction, own, step, product);
    } else {
      hessian(theta, vector, own, step, product);
    }
    scaleSlopes(product, thetaScales, lossScales);
  };
}

function scaledLoss(
  problems: Problems,
  scaling: AugmentationConfig,
  tf: Tf,
  theta: tfjs.Tensor2D,
  batch: Batch,
  step: number,
): tfjs.Tensor1D {
  const { count, split, tensor } = batch;
  if (split !== 'train') return problems.loss(tf, theta, batch, step);
  return tf.tidy(() => {
    const { own, thetaScales, lossScales } = tensor
      ? separateOnDevice(tf, batch, tensor, theta, scaling)
      : separateOnHost(tf, batch, theta, scaling);
    const f = problems.loss(tf, thetaScales ? tf.mul(theta, thetaScales) : theta, own, step);
    return lossScales ? withSlope(tf, tf.reshape(f, [count]), lossScales) : f;
  });
}

/** Separated data as tensors, c in the shape of θ. */
interface SeparatedTensors {
  readonly own: Batch;
  readonly thetaScales?: tfjs.Tensor | undefined;
  readonly lossScales?: tfjs.Tensor1D | undefined;
}

function separateOnHost(tf: Tf, batch: Batch, theta: tfjs.Tensor2D, scaling: AugmentationConfig): SeparatedTensors {
  const { own, thetaScales, lossScales } = separate(batch, theta.size, scaling);
  // a tensor keeps the array that it is made from
  return {
    own,
    thetaScales: thetaScales && tf.tensor2d(thetaScales.slice(), theta.shape),
    lossScales: lossScales && tf.tensor1d(lossScales.slice()),
  };
}

/** Data on the device is split there. */
function separateOnDevice(
  tf: Tf,
  batch: Batch,
  tensor: tfjs.Tensor2D,
  theta: tfjs.Tensor2D,
  scaling: AugmentationConfig,
): SeparatedTensors {
  const { count } = batch;
  const all = tf.reshape(tensor, [tensor.size]) as tfjs.Tensor1D;
  const lossFrom = tensor.size - (scaling.lossScale > 0 ? count : 0);
  const length = lossFrom - (scalesTheta(scaling) ? theta.size : 0);
  const own = length === 0 ? undefined : tf.reshape(tf.slice(all, 0, length), [count, length / count]);
  return {
    own: ownBatch(batch, length, own as tfjs.Tensor2D | undefined),
    thetaScales: scalesTheta(scaling) ? tf.reshape(tf.slice(all, length, theta.size), theta.shape) : undefined,
    lossScales: scaling.lossScale > 0 ? tf.slice(all, lossFrom, count) : undefined,
  };
}

/** The values of f [P] with s [P] times their slopes. */
function withSlope(tf: Tf, f: tfjs.Tensor1D, scales: tfjs.Tensor1D): tfjs.Tensor1D {
  const scaled = tf.customGrad((x, save) => {
    (save as tfjs.GradSaveFunc)([scales]);
    return {
      value: tf.clone(x as tfjs.Tensor1D),
      gradFunc: (dy: tfjs.Tensor, [saved]: tfjs.Tensor[]) => tf.mul(dy, saved!),
    };
  });
  return scaled(f) as tfjs.Tensor1D;
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
