/**
 * The meta-gradient a step at a time, all coordinates together: through update rules that couple coordinates or read θ, and,
 * if second derivatives are kept, through the optimizees as well.
 */
import type * as tfjs from '@tensorflow/tfjs';
import type { ArchitectureConfig } from '../../../shared/architectures/architecture.js';
import type { Tf } from '../../problems/problem.js';
import type { ColumnState, StepInput, TensorStep } from '../architecture.js';
import type { Clock, CoordinateLayout } from '../layout.js';
import { ruleOf } from '../registry.js';
import type { ColumnWindow } from './column-passage.js';
import { flatten, tensorsOfPhi } from './phi-tensors.js';

/** A window after its forward pass. */
export interface UnrolledWindow extends Omit<ColumnWindow, 'records'> {
  /** φ, [phiLength]. */
  phi: Float32Array;
  /** The largest slope of the update rule's input; 0 for no limit. */
  slopeLimit: number;
  /** θ_0…θ_{K−1}. */
  thetas: readonly tfjs.Tensor1D[];
  layout: CoordinateLayout;
  clock: Clock;
  /** H_t·v at θ_t, [N], for t in 1…K−1. @default second derivatives are dropped */
  hessian?(t: number, vector: tfjs.Tensor1D): tfjs.Tensor1D;
}

/**
 * dL/dφ of L = Σ_t w_t f_t(θ_t), [phiLength], with θ_0, h_0 and ∇_0 as constants. Backwards over t from dL/d∇_K = 0,
 * with all coordinates together:
 *
 *     dL/dθ_t = dL/dθ_{t+1} + w_t ∇_t + H_t·(dL/d∇_t) + (the update rule's own of step t)
 *     (dL/d∇_{t−1}, dL/dθ_{t−1}, dL/dh_{t−1}, dφ) from (dL/dg_{t−1} = dL/dθ_t, dL/dh_t) through the update rule's step
 */
export function unrolledMetaGradient(tf: Tf, architecture: ArchitectureConfig, window: UnrolledWindow): tfjs.Tensor1D {
  return tf.tidy(() => {
    const { gradients, lossWeights } = window;
    const steps = lossWeights.length;
    const step = ruleOf(architecture).tensorStep(architecture);
    const phi = tensorsOfPhi(tf, architecture, window.phi);
    const inputAt = (s: number) => ({
      gradient: gradients[s]!,
      theta: window.thetas[s]!,
      layout: window.layout,
      clock: { ...window.clock, step: window.clock.step + s },
    });
    const states = [window.initialState];
    for (let s = 0; s + 1 < steps; s++) states.push(step(tf, phi, inputAt(s), states[s]!, 0).state);

    let metaGradient: tfjs.Tensor1D = tf.zeros([window.phi.length]);
    let thetaGradient: tfjs.Tensor1D = tf.zerosLike(gradients[0]!);
    let stateGradient: ColumnState = window.initialState.map((part) => tf.zerosLike(part));
    for (let t = steps; t >= 1; t--) {
      thetaGradient = tf.add(thetaGradient, tf.mul(gradients[t]!, lossWeights[t - 1]!));
      const extra = window.updateGradient[t - 1];
      const slope = extra ? tf.add<tfjs.Tensor1D>(thetaGradient, extra) : thetaGradient;
      const at = { input: inputAt(t - 1), state: states[t - 1]!, slopeLimit: window.slopeLimit };
      const back = stepBackward(tf, step, phi, at, slope, stateGradient);
      metaGradient = tf.add(metaGradient, flatten(tf, back.phi));
      thetaGradient = tf.add(thetaGradient, back.theta);
      if (t > 1 && window.hessian) thetaGradient = tf.add(thetaGradient, window.hessian(t - 1, back.gradient));
      stateGradient = back.state;
    }
    return metaGradient;
  });
}

/** One step of the update rule backward: from dL/dg [N] and dL/dh' to dL/d∇ and dL/dθ [N], dL/dh and dL/dφ. */
function stepBackward(
  tf: Tf,
  step: TensorStep,
  phi: readonly tfjs.Tensor[],
  { input, state, slopeLimit }: { input: Required<StepInput<tfjs.Tensor1D>>; state: ColumnState; slopeLimit: number },
  updateSlope: tfjs.Tensor1D,
  stateGradient: ColumnState,
): { gradient: tfjs.Tensor1D; theta: tfjs.Tensor1D; state: ColumnState; phi: tfjs.Tensor[] } {
  const slopes = tf.tidy(() => {
    // the products with constants turn all outputs into one scalar, whose gradient is the sum of their pull-backs
    return tf.grads((gradient, theta, ...rest) => {
      const h = rest.slice(0, state.length) as tfjs.Tensor2D[];
      const weights = rest.slice(state.length);
      const read = { ...input, gradient: gradient as tfjs.Tensor1D, theta: theta as tfjs.Tensor1D };
      const next = step(tf, weights, read, h, slopeLimit);
      const terms = next.state.map((part, index) => tf.sum(tf.mul(part, stateGradient[index]!)));
      // what the step does not read must have a gradient too; one after the other, since devices bind few tensors at once
      const unread = [gradient, theta, ...rest].reduce<tfjs.Scalar>(
        (zero, each) => tf.add(zero, tf.mul(tf.sum(each), 0)),
        tf.scalar(0),
      );
      return tf.addN([tf.sum(tf.mul(next.updates, updateSlope)), ...terms, unread]);
    })([input.gradient, input.theta, ...state, ...phi]);
  });
  const [gradient, theta, ...rest] = slopes as [tfjs.Tensor1D, tfjs.Tensor1D, ...tfjs.Tensor[]];
  return {
    gradient,
    theta,
    state: rest.slice(0, state.length) as tfjs.Tensor2D[],
    phi: rest.slice(state.length),
  };
}
