/** The LSTM as plain tensor operations on all coordinates at once, differentiated automatically. */
import type * as tfjs from '@tensorflow/tfjs-core';
import { hasMoments, type LstmConfig } from '../../../shared/architectures/lstm.js';
import { phiTensors } from '../../../shared/phi.js';
import type { LstmKernel } from '../tensor-kernel.js';
import { beginPassage, type ColumnSteps, type ColumnWindow } from '../tensors/column-passage.js';
import { type ColumnState, columnState } from '../tensors/column-state.js';
import { updateGradients } from '../tensors/update-gradient.js';
import { FORGET_BIAS, LOG_AND_SIGN_P, RNNPROP_DECAY, RNNPROP_EPSILON } from './definition.js';

/** TensorFlow.js as far as it is needed here, so that an application without the rest of it is served too. */
type Tf = typeof tfjs;

/** The LSTM of any backend. */
export function createPlainLstm(tf: Tf, network: LstmConfig): LstmKernel {
  let phi: tfjs.Tensor[] = [];
  const steps: ColumnSteps = {
    // differentiation runs the steps again by itself
    records: () => false,
    step(gradient, state, theta) {
      const [next, ...rest] = tf.tidy(() => {
        const step = plainLstmStep(tf, network, phi, gradient, state);
        return [tf.add(theta, step.updates), ...step.state];
      }) as [tfjs.Tensor1D, ...tfjs.Tensor2D[]];
      return { theta: next, state: rest, record: [] };
    },
    metaGradient(window) {
      const slopes = updateGradients(tf, window);
      return flatten(tf, tf.grads((...tensors) => frozenLoss(tf, network, tensors, window, slopes))(phi));
    },
  };
  return {
    description: 'LSTM by plain operations',
    ...columnState(tf, network),
    loadPhi(values) {
      tf.dispose(phi);
      phi = tensorsOfPhi(tf, network, values);
    },
    begin: (state, options) => beginPassage(tf, steps, state, options),
    close() {
      tf.dispose(phi);
      phi = [];
    },
  };
}

/** The tensors of φ in the order of the flat vector. */
export function tensorsOfPhi(tf: Tf, network: LstmConfig, phi: Float32Array): tfjs.Tensor[] {
  // tensors keep the array they are made from, and the caller may write to his
  return phiTensors(network).map(({ shape, offset, length }) =>
    tf.tensor(phi.slice(offset, offset + length), [...shape]),
  );
}

/** The entries of tensors one after the other. */
export function flatten(tf: Tf, tensors: readonly tfjs.Tensor[]): tfjs.Tensor1D {
  return tf.concat(tensors.map((tensor) => tf.reshape(tensor, [tensor.size]) as tfjs.Tensor1D));
}

/** Σ_s <g_s, dL/dg_s>: its gradient is dφ where second derivatives are dropped. */
function frozenLoss(
  tf: Tf,
  network: LstmConfig,
  phi: readonly tfjs.Tensor[],
  { initialState, gradients }: ColumnWindow,
  slopes: readonly tfjs.Tensor1D[],
): tfjs.Scalar {
  let state = initialState;
  let loss = tf.scalar(0);
  slopes.forEach((slope, s) => {
    const step = plainLstmStep(tf, network, phi, gradients[s]!, state);
    state = step.state;
    loss = tf.add(loss, tf.sum(tf.mul(step.updates, slope)));
  });
  return loss;
}

/**
 * (g, h') = m(∇, h, φ), differentiable in all three: the equations are those of `lstmStep` in definition.ts. Slopes of
 * LogAndSign are taken to be at most `slopeLimit`.
 */
export function plainLstmStep(
  tf: Tf,
  network: LstmConfig,
  phi: readonly tfjs.Tensor[],
  gradient: tfjs.Tensor1D,
  state: ColumnState,
  slopeLimit = Number.POSITIVE_INFINITY,
): { updates: tfjs.Tensor1D; state: ColumnState } {
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

/** What the network reads, [N, inputSize]: ∇ itself, LogAndSign, RNNProp's inputs after these moments, or both. */
export function networkInput(
  tf: Tf,
  { preprocessing }: LstmConfig,
  gradient: tfjs.Tensor1D,
  moments?: tfjs.Tensor2D,
  slopeLimit = Number.POSITIVE_INFINITY,
): tfjs.Tensor2D {
  if (preprocessing === 'none') return tf.reshape(gradient, [gradient.size, 1]);
  if (!moments) {
    return Number.isFinite(slopeLimit) ? boundedLogAndSign(tf, gradient, slopeLimit) : logAndSign(tf, gradient);
  }
  const moving = rnnpropInput(tf, gradient, moments);
  return preprocessing === 'both' ? tf.concat([logAndSign(tf, gradient), moving], 1) : moving;
}

/** LogAndSign (Andrychowicz et al. 2016, appendix A), [N, 2]. */
function logAndSign(tf: Tf, gradient: tfjs.Tensor1D): tfjs.Tensor2D {
  const magnitude = tf.abs(gradient);
  const large = tf.greaterEqual(magnitude, Math.exp(-LOG_AND_SIGN_P));
  const one = tf.onesLike(gradient);
  // log is kept away from 0, where its derivative is infinite and 0·∞ would reach the branch that is taken
  const logarithm = tf.div(tf.log(tf.where(large, magnitude, one)), LOG_AND_SIGN_P);
  const first = tf.where(large, logarithm, tf.neg(one));
  const second = tf.where(large, tf.sign(gradient), tf.mul(gradient, Math.exp(LOG_AND_SIGN_P)));
  return tf.stack([first, second], 1) as tfjs.Tensor2D;
}

/** The same with slopes of at most `limit`. */
function boundedLogAndSign(tf: Tf, gradient: tfjs.Tensor1D, limit: number): tfjs.Tensor2D {
  const bounded = tf.customGrad((x, save) => {
    const values = x as tfjs.Tensor1D;
    (save as tfjs.GradSaveFunc)([values]);
    return {
      value: logAndSign(tf, values),
      gradFunc: (dy: tfjs.Tensor, saved: tfjs.Tensor[]) => {
        const [first, second] = tf.unstack(dy, 1) as [tfjs.Tensor1D, tfjs.Tensor1D];
        const magnitude = tf.abs(saved[0]!);
        const large = tf.greaterEqual(magnitude, Math.exp(-LOG_AND_SIGN_P));
        const steep = tf.minimum(tf.div(1 / LOG_AND_SIGN_P, tf.where(large, magnitude, 1)), limit);
        const logarithm = tf.mul(first, tf.mul(tf.sign(saved[0]!), steep));
        return tf.where(large, logarithm, tf.mul(second, Math.min(Math.exp(LOG_AND_SIGN_P), limit)));
      },
    };
  });
  return bounded(gradient) as tfjs.Tensor2D;
}

/** p, m and v of RNNProp's inputs after ∇, [N, 3]. */
function nextMoments(tf: Tf, gradient: tfjs.Tensor1D, moments: tfjs.Tensor2D): tfjs.Tensor2D {
  const values = tf.stack([tf.onesLike(gradient), gradient, tf.square(gradient)], 1);
  return tf.add(tf.mul(moments, RNNPROP_DECAY), tf.mul(values, 1 - RNNPROP_DECAY));
}

/** RNNProp's inputs, [N, 2]: ∇ and m̂ over √v̂ + ε. */
function rnnpropInput(tf: Tf, gradient: tfjs.Tensor1D, moments: tfjs.Tensor2D): tfjs.Tensor2D {
  const [p, m, v] = tf.split(moments, 3, 1) as [tfjs.Tensor2D, tfjs.Tensor2D, tfjs.Tensor2D];
  const root = tf.add(tf.sqrt(tf.div(v, p)), RNNPROP_EPSILON);
  return tf.div(tf.concat([tf.reshape(gradient, [gradient.size, 1]), tf.div(m, p)], 1), root);
}
