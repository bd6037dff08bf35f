/**
 * The closed-form Hessian-vector product of convolutional networks: the gradient's passes once more, differentiated
 * along v (Pearlmutter 1994, "Fast Exact Multiplication by the Hessian"). Relu's second derivative is 0.
 */
import { type ConvOptions, createConvNetwork } from './conv-network.js';
import type { ClosedForms, HessianProduct } from './problem.js';

/** Makes H·v of the mean cross-entropy over minibatch `step`, one problem after another. */
export function createConvHessian(options: ConvOptions, forms: ClosedForms = 'wasm'): HessianProduct {
  const network = createConvNetwork(options, forms);
  const { depth, coordinates } = network;
  const weights = network.allocateWeights();
  const direction = network.allocateWeights();
  const values = network.allocateMaps();
  const slopes = network.allocateMaps().with(depth, values[depth]!);
  /** How values and slopes change along v; for the outputs, the second takes the place of the first. */
  const valueChanges = network.allocateMaps();
  const slopeChanges = network.allocateMaps().with(depth, valueChanges[depth]!);

  /** R{a_l} = relu′·R{z_l}, R{z_l} = a·V + b_V + R{a}·W; the images do not change. */
  function changeForward(count: number): void {
    for (let l = 0; l < depth; l++) {
      network.setBiases(l, count, direction, valueChanges);
      network.addProduct(l, count, values, direction, valueChanges);
      if (l > 0) network.addProduct(l, count, valueChanges, weights, valueChanges);
      if (l + 1 < depth) network.mask(l + 1, count, valueChanges, values);
    }
  }

  /** R{dW} = aᵀ·R{dz} + R{a}ᵀ·dz, R{da} = R{dz}·Wᵀ + dz·Vᵀ. */
  function changeBackward(count: number): void {
    for (let l = depth - 1; l >= 0; l--) {
      network.addBiasGradient(l, count, slopeChanges);
      // the images do not change
      if (l === 0) network.addWeightGradient(l, count, [values, slopeChanges]);
      else network.addWeightGradient(l, count, [values, slopeChanges], [valueChanges, slopes]);
      if (l === 0) break;
      network.clear(l, count, slopeChanges);
      network.addInputGradient(l, count, slopeChanges, weights, slopeChanges);
      network.addInputGradient(l, count, slopes, direction, slopeChanges);
      network.mask(l, count, slopeChanges, values);
      // nothing before the first layer needs the gradient itself
      if (l === 1) continue;
      network.clear(l, count, slopes);
      network.addInputGradient(l, count, slopes, weights, slopes);
      network.mask(l, count, slopes, values);
    }
  }

  function runChunk(count: number): void {
    network.forward(count, weights, values);
    changeForward(count);
    network.crossEntropy(count, values);
    network.crossEntropyCurvature(count, slopes, valueChanges);
    changeBackward(count);
  }

  return (theta, vector, batch, step, product) => {
    for (let p = 0; p < batch.count; p++) {
      const own = [p * coordinates, (p + 1) * coordinates] as const;
      network.load(theta.subarray(...own), weights);
      network.load(vector.subarray(...own), direction);
      network.clearGradient();
      network.meanLoss(batch, p, step, values, runChunk);
      network.storeGradient(product.subarray(...own));
    }
  };
}
