/** Any architecture by plain tensor operations, differentiated automatically. */
import type * as tfjs from '@tensorflow/tfjs-core';
import type { ArchitectureConfig } from '../../../shared/architectures/architecture.js';
import type { TensorOperations, TensorStep } from '../architecture.js';
import { ruleOf } from '../registry.js';
import type { TensorKernel } from '../tensor-kernel.js';
import { beginPassage, type ColumnSteps, type ColumnWindow } from './column-passage.js';
import { columnState } from './column-state.js';
import { flatten, tensorsOfPhi } from './phi-tensors.js';
import { updateGradients } from './update-gradient.js';

/** Makes the kernel, for any backend. */
export function createPlainKernel(tf: TensorOperations, architecture: ArchitectureConfig): TensorKernel {
  const tensorStep = ruleOf(architecture).tensorStep(architecture);
  let phi: tfjs.Tensor[] = [];
  const steps: ColumnSteps = {
    // automatic differentiation runs the steps again
    records: () => false,
    step(input, state) {
      const [next, ...rest] = tf.tidy(() => {
        const step = tensorStep(tf, phi, input, state, 0);
        return [tf.add(input.theta, step.updates), ...step.state];
      }) as [tfjs.Tensor1D, ...tfjs.Tensor2D[]];
      return { theta: next, state: rest, record: [] };
    },
    metaGradient(window) {
      const slopes = updateGradients(tf, window);
      return flatten(tf, tf.grads((...tensors) => frozenLoss(tf, tensorStep, tensors, window, slopes))(phi));
    },
  };
  return {
    description: `${architecture.type.toUpperCase()} by plain operations`,
    ...columnState(tf, architecture),
    loadPhi(values) {
      tf.dispose(phi);
      phi = tensorsOfPhi(tf, architecture, values);
    },
    begin: (state, options) => beginPassage(tf, steps, state, options),
    close() {
      tf.dispose(phi);
      phi = [];
    },
  };
}

/** Σ_s <g_s, dL/dg_s>: its gradient is dL/dφ with second derivatives dropped. */
function frozenLoss(
  tf: TensorOperations,
  tensorStep: TensorStep,
  phi: readonly tfjs.Tensor[],
  { initialState, gradients }: ColumnWindow,
  slopes: readonly tfjs.Tensor1D[],
): tfjs.Scalar {
  let state = initialState;
  let loss = tf.scalar(0);
  slopes.forEach((slope, s) => {
    const step = tensorStep(tf, phi, { gradient: gradients[s]! }, state, 0);
    state = step.state;
    loss = tf.add(loss, tf.sum(tf.mul(step.updates, slope)));
  });
  return loss;
}
