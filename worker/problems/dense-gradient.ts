/** The closed-form gradient of dense networks. */
import { createDenseNetwork, type DenseOptions } from './dense-network.js';
import type { ClosedForms, Gradient } from './problem.js';

/** Makes the gradient of the mean loss over minibatch `step`, one problem after another. */
export function createDenseGradient(options: DenseOptions, forms: ClosedForms = 'wasm'): Gradient {
  const network = createDenseNetwork(options, forms);
  const { depth, coordinates, terms } = network;
  const x = network.allocateInputs();
  // outputs, and in the backward pass their gradient
  const z = network.allocateOutputs();
  const weights = network.allocateWeights();

  /** Runs `count` images forward and backward, adds to the gradient and returns the sum of the losses. */
  function runChunk(count: number): number {
    network.forward(count, weights, x, z);
    const loss = network.compare(count, z);
    for (let l = depth - 1; l >= 0; l--) {
      network.addGradient(l, count, x, z);
      if (l > 0) network.inputGradient(l, count, z, weights);
    }
    return loss;
  }

  return (theta, batch, step, gradient, losses) => {
    for (let p = 0; p < batch.count; p++) {
      const own = [p * coordinates, (p + 1) * coordinates] as const;
      const health = network.load(theta.subarray(...own), weights);
      network.clearGradient();
      let loss = 0;
      network.eachChunk(batch, p, step, (count) => {
        loss += runChunk(count);
      });
      losses[p] = loss / terms + health;
      network.storeGradient(gradient.subarray(...own));
    }
  };
}
