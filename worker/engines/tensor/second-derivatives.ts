/** The meta-gradient with second derivatives kept: back through the optimizees as well as through the LSTM. */
import type * as tfjs from '@tensorflow/tfjs';
import type { Network } from '../../../shared/phi.js';
import type { Tf } from '../../problems/problem.js';
import type { TensorState } from './lstm-kernel.js';
import { flatten, plainLstmStep, tensorsOfPhi } from './plain-lstm.js';

/** A window that has run forward. */
export interface UnrolledWindow {
  /** φ, [phiLength]. */
  phi: Float32Array;
  /** h_0. */
  initialState: TensorState;
  /** ∇_0…∇_K, each [N]. */
  gradients: readonly Float32Array[];
  /** w_1…w_K. */
  lossWeights: Float32Array;
  /** An additional dL/dg_0…dL/dg_{K−1}, each [N]; none where empty. */
  updateGradient: readonly Float32Array[];
  /** H_t·v at θ_t, [N], for t in 1…K−1. */
  hessian(t: number, vector: Float32Array): Float32Array;
}

/**
 * dL/dφ of L = Σ_t w_t f_t(θ_t), [phiLength], with θ_0, h_0 and ∇_0 as constants. Backwards over t from dL/d∇_K = 0,
 * with all coordinates together:
 *
 *     dL/dθ_t = dL/dθ_{t+1} + w_t ∇_t + H_t·(dL/d∇_t)
 *     (dL/d∇_{t−1}, dL/dh_{t−1}, dφ) from (dL/dg_{t−1} = dL/dθ_t, dL/dh_t) through the LSTM's step
 */
export function unrolledPhiGradient(tf: Tf, network: Network, window: UnrolledWindow): Float32Array {
  return tf.tidy(() => {
    const { gradients, lossWeights } = window;
    const steps = gradients.length - 1;
    const coordinates = gradients[0]!.length;
    const phi = tensorsOfPhi(tf, network, window.phi);
    const inputs = gradients.map((row) => tf.tensor1d(row));
    const states = [window.initialState];
    for (let s = 0; s + 1 < steps; s++) states.push(plainLstmStep(tf, network, phi, inputs[s]!, states[s]!).state);

    const phiGradient = new Float64Array(window.phi.length);
    const thetaGradient = new Float64Array(coordinates);
    let stateGradient: TensorState = window.initialState.map((part) => tf.zerosLike(part));
    let hessianTerm: Float32Array | undefined;
    for (let t = steps; t >= 1; t--) {
      const weight = lossWeights[t - 1]!;
      const row = gradients[t]!;
      for (let i = 0; i < coordinates; i++) thetaGradient[i]! += weight * row[i]! + (hessianTerm ? hessianTerm[i]! : 0);
      const extra = window.updateGradient[t - 1];
      const updateGradient = Float32Array.from(thetaGradient, (slope, i) => slope + (extra ? extra[i]! : 0));
      const back = stepBackward(tf, network, phi, inputs[t - 1]!, states[t - 1]!, updateGradient, stateGradient);
      flatten(back.phi).forEach((slope, i) => {
        phiGradient[i]! += slope;
      });
      if (t > 1) hessianTerm = window.hessian(t - 1, Float32Array.from(back.input.dataSync()));
      tf.dispose([back.input, ...back.phi, ...stateGradient]);
      stateGradient = back.state;
    }
    return Float32Array.from(phiGradient);
  });
}

/** One step of the LSTM backward: from dL/dg [N] and dL/dh' to dL/d∇ [N], dL/dh and dL/dφ. */
function stepBackward(
  tf: Tf,
  network: Network,
  phi: readonly tfjs.Tensor[],
  input: tfjs.Tensor1D,
  state: TensorState,
  updateGradient: Float32Array,
  stateGradient: TensorState,
): { input: tfjs.Tensor1D; state: TensorState; phi: tfjs.Tensor[] } {
  const slopes = tf.tidy(() => {
    const updateSlope = tf.tensor1d(updateGradient);
    // the products with constants make of all outputs one scalar, whose gradient is the sum of their pull-backs
    return tf.grads((gradient, ...rest) => {
      const h = rest.slice(0, state.length) as tfjs.Tensor2D[];
      const next = plainLstmStep(tf, network, rest.slice(state.length), gradient as tfjs.Tensor1D, h);
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
