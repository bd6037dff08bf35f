/** The meta-gradient with second derivatives kept: back through the optimizees as well as through the LSTM. */
import type * as tfjs from '@tensorflow/tfjs';
import type { ArchitectureConfig } from '../../../shared/architectures/architecture.js';
import type { Tf } from '../../problems/problem.js';
import { flatten, plainLstmStep, tensorsOfPhi } from '../lstm/tensors.js';
import type { ColumnWindow } from './column-passage.js';
import type { ColumnState } from './column-state.js';

/** A window that has run forward. */
export interface UnrolledWindow extends Omit<ColumnWindow, 'records'> {
  /** φ, [phiLength]. */
  phi: Float32Array;
  /** The largest slope of LogAndSign. */
  slopeLimit: number;
  /** H_t·v at θ_t, [N], for t in 1…K−1. */
  hessian(t: number, vector: tfjs.Tensor1D): tfjs.Tensor1D;
}

/**
 * dL/dφ of L = Σ_t w_t f_t(θ_t), [phiLength], with θ_0, h_0 and ∇_0 as constants. Backwards over t from dL/d∇_K = 0,
 * with all coordinates together:
 *
 *     dL/dθ_t = dL/dθ_{t+1} + w_t ∇_t + H_t·(dL/d∇_t)
 *     (dL/d∇_{t−1}, dL/dh_{t−1}, dφ) from (dL/dg_{t−1} = dL/dθ_t, dL/dh_t) through the LSTM's step
 */
export function unrolledMetaGradient(tf: Tf, architecture: ArchitectureConfig, window: UnrolledWindow): tfjs.Tensor1D {
  return tf.tidy(() => {
    const { gradients, lossWeights } = window;
    const steps = lossWeights.length;
    const phi = tensorsOfPhi(tf, architecture, window.phi);
    const states = [window.initialState];
    for (let s = 0; s + 1 < steps; s++)
      states.push(plainLstmStep(tf, architecture, phi, gradients[s]!, states[s]!).state);

    let metaGradient: tfjs.Tensor1D = tf.zeros([window.phi.length]);
    let thetaGradient: tfjs.Tensor1D = tf.zerosLike(gradients[0]!);
    let stateGradient: ColumnState = window.initialState.map((part) => tf.zerosLike(part));
    for (let t = steps; t >= 1; t--) {
      thetaGradient = tf.add(thetaGradient, tf.mul(gradients[t]!, lossWeights[t - 1]!));
      const extra = window.updateGradient[t - 1];
      const slope = extra ? tf.add<tfjs.Tensor1D>(thetaGradient, extra) : thetaGradient;
      const step = { input: gradients[t - 1]!, state: states[t - 1]!, slopeLimit: window.slopeLimit };
      const back = stepBackward(tf, architecture, phi, step, slope, stateGradient);
      metaGradient = tf.add(metaGradient, flatten(tf, back.phi));
      if (t > 1) thetaGradient = tf.add(thetaGradient, window.hessian(t - 1, back.input));
      stateGradient = back.state;
    }
    return metaGradient;
  });
}

/** One step of the LSTM backward: from dL/dg [N] and dL/dh' to dL/d∇ [N], dL/dh and dL/dφ. */
function stepBackward(
  tf: Tf,
  architecture: ArchitectureConfig,
  phi: readonly tfjs.Tensor[],
  { input, state, slopeLimit }: { input: tfjs.Tensor1D; state: ColumnState; slopeLimit: number },
  updateSlope: tfjs.Tensor1D,
  stateGradient: ColumnState,
): { input: tfjs.Tensor1D; state: ColumnState; phi: tfjs.Tensor[] } {
  const slopes = tf.tidy(() => {
    // the products with constants make of all outputs one scalar, whose gradient is the sum of their pull-backs
    return tf.grads((gradient, ...rest) => {
      const h = rest.slice(0, state.length) as tfjs.Tensor2D[];
      const weights = rest.slice(state.length);
      const next = plainLstmStep(tf, architecture, weights, gradient as tfjs.Tensor1D, h, slopeLimit);
      const terms = next.state.map((part, index) => tf.sum(tf.mul(part, stateGradient[index]!)));
      return tf.addN([tf.sum(tf.mul(next.updates, updateSlope)), ...terms]);
    })([input, ...state, ...phi]);
  });
  const [inputSlope, ...rest] = slopes as [tfjs.Tensor1D, ...tfjs.Tensor[]];
  return {
    input: inputSlope,
    state: rest.slice(0, state.length) as tfjs.Tensor2D[],
    phi: rest.slice(state.length),
  };
}
