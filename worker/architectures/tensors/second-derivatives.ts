/** The meta-gradient with second derivatives kept: back through the optimizees as well as through the update rule. */
import type * as tfjs from '@tensorflow/tfjs';
import type { ArchitectureConfig } from '../../../shared/architectures/architecture.js';
import type { Tf } from '../../problems/problem.js';
import type { ColumnState, TensorStep } from '../architecture.js';
import { ruleOf } from '../registry.js';
import type { ColumnWindow } from './column-passage.js';
import { flatten, tensorsOfPhi } from './phi-tensors.js';

/** A window after its forward pass. */
export interface UnrolledWindow extends Omit<ColumnWindow, 'records'> {
  /** φ, [phiLength]. */
  phi: Float32Array;
  /** The largest slope of the update rule's input; 0 for no limit. */
  slopeLimit: number;
  /** H_t·v at θ_t, [N], for t in 1…K−1. */
  hessian(t: number, vector: tfjs.Tensor1D): tfjs.Tensor1D;
}

/**
 * dL/dφ of L = Σ_t w_t f_t(θ_t), [phiLength], with θ_0, h_0 and ∇_0 as constants. Backwards over t from dL/d∇_K = 0,
 * with all coordinates together:
 *
 *     dL/dθ_t = dL/dθ_{t+1} + w_t ∇_t + H_t·(dL/d∇_t)
 *     (dL/d∇_{t−1}, dL/dh_{t−1}, dφ) from (dL/dg_{t−1} = dL/dθ_t, dL/dh_t) through the update rule's step
 */
export function unrolledMetaGradient(tf: Tf, architecture: ArchitectureConfig, window: UnrolledWindow): tfjs.Tensor1D {
  return tf.tidy(() => {
    const { gradients, lossWeights } = window;
    const steps = lossWeights.length;
    const step = ruleOf(architecture).tensorStep(architecture);
    const phi = tensorsOfPhi(tf, architecture, window.phi);
    const states = [window.initialState];
    for (let s = 0; s + 1 < steps; s++) states.push(step(tf, phi, { gradient: gradients[s]! }, states[s]!, 0).state);

    let metaGradient: tfjs.Tensor1D = tf.zeros([window.phi.length]);
    let thetaGradient: tfjs.Tensor1D = tf.zerosLike(gradients[0]!);
    let stateGradient: ColumnState = window.initialState.map((part) => tf.zerosLike(part));
    for (let t = steps; t >= 1; t--) {
      thetaGradient = tf.add(thetaGradient, tf.mul(gradients[t]!, lossWeights[t - 1]!));
      const extra = window.updateGradient[t - 1];
      const slope = extra ? tf.add<tfjs.Tensor1D>(thetaGradient, extra) : thetaGradient;
      const at = { input: gradients[t - 1]!, state: states[t - 1]!, slopeLimit: window.slopeLimit };
      const back = stepBackward(tf, step, phi, at, slope, stateGradient);
      metaGradient = tf.add(metaGradient, flatten(tf, back.phi));
      if (t > 1) thetaGradient = tf.add(thetaGradient, window.hessian(t - 1, back.input));
      stateGradient = back.state;
    }
    return metaGradient;
  });
}

/** One step of the update rule backward: from dL/dg [N] and dL/dh' to dL/d∇ [N], dL/dh and dL/dφ. */
function stepBackward(
  tf: Tf,
  step: TensorStep,
  phi: readonly tfjs.Tensor[],
  { input, state, slopeLimit }: { input: tfjs.Tensor1D; state: ColumnState; slopeLimit: number },
  updateSlope: tfjs.Tensor1D,
  stateGradient: ColumnState,
): { input: tfjs.Tensor1D; state: ColumnState; phi: tfjs.Tensor[] } {
  const slopes = tf.tidy(() => {
    // the products with constants turn all outputs into one scalar, whose gradient is the sum of their pull-backs
    return tf.grads((gradient, ...rest) => {
      const h = rest.slice(0, state.length) as tfjs.Tensor2D[];
      const weights = rest.slice(state.length);
      const next = step(tf, weights, { gradient: gradient as tfjs.Tensor1D }, h, slopeLimit);
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
