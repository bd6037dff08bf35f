/** The LSTM's step as plain tensor operations on all coordinates at once. */
import type * as tfjs from '@tensorflow/tfjs-core';
import { hasMoments, type LstmConfig } from '../../../shared/architectures/lstm.js';
import type { ColumnState, StepOutput, TensorOperations } from '../architecture.js';
import { FORGET_BIAS, RNNPROP_DECAY, RNNPROP_EPSILON } from './definition.js';

/**
 * (g, h') = m(∇, h, φ), differentiable in all three: the equations are those of `lstmStep` in definition.ts. Slopes of
 * LogAndSign are limited to `slopeLimit`; 0 for no limit.
 */
export function lstmTensorStep(
  tf: TensorOperations,
  network: LstmConfig,
  phi: readonly tfjs.Tensor[],
  gradient: tfjs.Tensor1D,
  state: ColumnState,
  slopeLimit = 0,
): StepOutput<tfjs.Tensor1D, ColumnState> {
  const tensors = tf.tidy(() => {
    const next: tfjs.Tensor2D[] = [];
    const moments = hasMoments(network) ? nextMoments(tf, gradient, state.at(-1)!) : undefined;
    let x = networkInput(tf, network, gradient, moments, slopeLimit);
    network.layers.forEach((_, layer) => {
      const [weights, biases] = phi.slice(2 * layer) as [tfjs.Tensor2D, tfjs.Tensor1D];
      const [h, c] = state.slice(2 * layer) as [tfjs.Tensor2D, tfjs.Tensor2D];
      const z = tf.add<tfjs.Tensor2D>(tf.matMul(tf.concat([x, h], 1), weights), biases);
      const [i, candidate, f, o] = tf.split(z, 4, 1) as [tfjs.Tensor2D, tfjs.Tensor2D, tfjs.Tensor2D, tfjs.Tensor2D];
      const kept = tf.mul(tf.sigmoid(tf.add(f, FORGET_BIAS)), c);
      const cell = tf.add<tfjs.Tensor2D>(kept, tf.mul(tf.sigmoid(i), tf.tanh(candidate)));
      x = tf.mul<tfjs.Tensor2D>(tf.sigmoid(o), tf.tanh(cell));
      next.push(x, cell);
    });
    const [outputWeights, outputBias] = phi.slice(-2) as [tfjs.Tensor2D, tfjs.Tensor1D];
    const output = tf.reshape(tf.add(tf.matMul(x, outputWeights), outputBias), [gradient.size]);
    return [tf.mul(output, network.outputScale), ...next, ...(moments ? [moments] : [])];
  });
  const [updates, ...next] = tensors as [tfjs.Tensor1D, ...tfjs.Tensor2D[]];
  return { updates, state: next };
}

/** The network's input, [N, inputSize]: ∇ itself, LogAndSign, RNNProp's inputs by these moments, or the latter two. */
export function networkInput(
  tf: TensorOperations,
  { preprocessing, logAndSignP }: LstmConfig,
  gradient: tfjs.Tensor1D,
  moments?: tfjs.Tensor2D,
  slopeLimit = 0,
): tfjs.Tensor2D {
  if (preprocessing === 'none') return tf.reshape(gradient, [gradient.size, 1]);
  if (!moments) {
    return slopeLimit > 0
      ? boundedLogAndSign(tf, gradient, logAndSignP, slopeLimit)
      : logAndSign(tf, gradient, logAndSignP);
  }
  const moving = rnnpropInput(tf, gradient, moments);
  return preprocessing === 'both' ? tf.concat([logAndSign(tf, gradient, logAndSignP), moving], 1) : moving;
}

/** LogAndSign (Andrychowicz et al. 2016, appendix A), [N, 2]. */
function logAndSign(tf: TensorOperations, gradient: tfjs.Tensor1D, p: number): tfjs.Tensor2D {
  const magnitude = tf.abs(gradient);
  const large = tf.greaterEqual(magnitude, Math.exp(-p));
  const one = tf.onesLike(gradient);
  // log must not read 0: its derivative is infinite there, and 0·∞ would reach the branch that is taken
  const logarithm = tf.div(tf.log(tf.where(large, magnitude, one)), p);
  const first = tf.where(large, logarithm, tf.neg(one));
  const second = tf.where(large, tf.sign(gradient), tf.mul(gradient, Math.exp(p)));
  return tf.stack([first, second], 1) as tfjs.Tensor2D;
}

/** The same with slopes of at most `limit`. */
function boundedLogAndSign(tf: TensorOperations, gradient: tfjs.Tensor1D, p: number, limit: number): tfjs.Tensor2D {
  const bounded = tf.customGrad((x, save) => {
    const values = x as tfjs.Tensor1D;
    (save as tfjs.GradSaveFunc)([values]);
    return {
      value: logAndSign(tf, values, p),
      gradFunc: (dy: tfjs.Tensor, saved: tfjs.Tensor[]) => {
        const [first, second] = tf.unstack(dy, 1) as [tfjs.Tensor1D, tfjs.Tensor1D];
        const magnitude = tf.abs(saved[0]!);
        const large = tf.greaterEqual(magnitude, Math.exp(-p));
        const steep = tf.minimum(tf.div(1 / p, tf.where(large, magnitude, 1)), limit);
        const logarithm = tf.mul(first, tf.mul(tf.sign(saved[0]!), steep));
        return tf.where(large, logarithm, tf.mul(second, Math.min(Math.exp(p), limit)));
      },
    };
  });
  return bounded(gradient) as tfjs.Tensor2D;
}

/** p, m and v of RNNProp's inputs after ∇, [N, 3]. */
function nextMoments(tf: TensorOperations, gradient: tfjs.Tensor1D, moments: tfjs.Tensor2D): tfjs.Tensor2D {
  const values = tf.stack([tf.onesLike(gradient), gradient, tf.square(gradient)], 1);
  return tf.add(tf.mul(moments, RNNPROP_DECAY), tf.mul(values, 1 - RNNPROP_DECAY));
}

/** RNNProp's inputs, [N, 2]: ∇ and m̂ over √v̂ + ε. */
function rnnpropInput(tf: TensorOperations, gradient: tfjs.Tensor1D, moments: tfjs.Tensor2D): tfjs.Tensor2D {
  const [p, m, v] = tf.split(moments, 3, 1) as [tfjs.Tensor2D, tfjs.Tensor2D, tfjs.Tensor2D];
  const root = tf.add(tf.sqrt(tf.div(v, p)), RNNPROP_EPSILON);
  return tf.div(tf.concat([tf.reshape(gradient, [gradient.size, 1]), tf.div(m, p)], 1), root);
}
