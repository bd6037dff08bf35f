/** The closed-form gradient of convolutional networks. */
import { type ConvOptions, createConvNetwork } from './conv-network.js';
import type { ClosedForms, Gradient } from './problem.js';

/** Makes the gradient of the mean cross-entropy over minibatch `step`, one problem after another. */
export function createConvGradient(options: ConvOptions, forms: ClosedForms = 'wasm'): Gradient {
  const network = createConvNetwork(options, forms);
  const { depth, coordinates } = network;
  const weights = network.allocateWeights();
  const values = network.allocateMaps();
  // the gradient of the outputs takes their place
  const slopes = network.allocateMaps().with(depth, values[depth]!);

  /** Runs `count` images forward and backward, adds to the gradient and to the losses. */
  function runChunk(count: number): void {
    network.forward(count, weights, values);
    network.crossEntropy(count, values);
    for (let l = depth - 1; l >= 0; l--) {
      network.addWeightGradient(l, count, [values, slopes]);
      network.addBiasGradient(l, count, slopes);
      if (l === 0) break;
      network.clear(l, count, slopes);
      network.addInputGradient(l, count, slopes, weights, slopes);
      network.mask(l, count, slopes, values);
    }
  }

  return (theta, batch, step, gradient, losses) => {
    for (let p = 0; p < batch.count; p++) {
      const own = [p * coordinates, (p + 1) * coordinates] as const;
      const health = network.load(theta.subarray(...own), weights);
      network.clearGradient();
      losses[p] = network.meanLoss(batch, p, step, values, runChunk) + health;
      network.storeGradient(gradient.subarray(...own));
    }
  };
}
