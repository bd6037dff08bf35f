/**
 * The closed-form Hessian-vector product of dense networks: the gradient's passes once more, differentiated along v
 * (Pearlmutter 1994, "Fast Exact Multiplication by the Hessian").
 */
import { createDenseNetwork, type DenseOptions } from './dense-network.js';
import type { ClosedForms, HessianProduct } from './problem.js';

/** Makes H·v of the mean loss over minibatch `step`, one problem after another. */
export function createDenseHessian(options: DenseOptions, forms: ClosedForms = 'wasm'): HessianProduct {
  const network = createDenseNetwork(options, forms);
  const { depth, coordinates } = network;
  const x = network.allocateInputs();
  const z = network.allocateOutputs();
  const weights = network.allocateWeights();
  const direction = network.allocateWeights();
  /** How x and z change along v. */
  const inputChanges = network.allocateInputs();
  const changes = network.allocateOutputs();

  /** R{z_l} = a·V + b_V + R{a}·W, R{a_l} = a′·R{z_l}; the images do not change. */
  function changeForward(count: number): void {
    for (let l = 0; l < depth; l++) {
      network.multiply(l, count, x, direction, changes);
      if (l > 0) network.addProduct(l, count, inputChanges, weights, changes);
      if (l + 1 === depth) break;
      network.changeActivations(l, count, z, changes);
      network.list(l + 1, count, changes, inputChanges);
    }
  }

  /** R{dW} = aᵀ·R{dz} + R{a}ᵀ·dz, R{da} = R{dz}·Wᵀ + dz·Vᵀ. */
  function changeBackward(count: number): void {
    for (let l = depth - 1; l >= 0; l--) {
      network.addGradient(l, count, x, changes);
      if (l === 0) break;
      network.addOuterProducts(l, count, inputChanges, z);
      network.inputCurvature(l, count, z, changes, weights, direction);
    }
  }

  function runChunk(count: number): void {
    network.forward(count, weights, x, z);
    changeForward(count);
    network.compareChange(count, z, changes);
    changeBackward(count);
  }

  return (theta, vector, batch, step, product) => {
    for (let p = 0; p < batch.count; p++) {
      const own = [p * coordinates, (p + 1) * coordinates] as const;
      network.load(theta.subarray(...own), weights);
      network.load(vector.subarray(...own), direction);
      network.clearGradient();
      network.eachChunk(batch, p, step, runChunk);
      network.storeGradient(product.subarray(...own));
    }
  };
}
