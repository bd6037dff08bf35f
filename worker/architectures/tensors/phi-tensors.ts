/** φ as tensors, and back. */
import type * as tfjs from '@tensorflow/tfjs-core';
import type { ArchitectureConfig } from '../../../shared/architectures/architecture.js';
import { phiTensors } from '../../../shared/phi.js';
import type { TensorOperations } from '../architecture.js';

/** The tensors of φ in the order of the flat vector. */
export function tensorsOfPhi(tf: TensorOperations, architecture: ArchitectureConfig, phi: Float32Array): tfjs.Tensor[] {
  // a tensor keeps the array that it is made from, and the caller may write to that array
  return phiTensors(architecture).map(({ shape, offset, length }) =>
    tf.tensor(phi.slice(offset, offset + length), [...shape]),
  );
}

/** The entries of all tensors in one vector. */
export function flatten(tf: TensorOperations, tensors: readonly tfjs.Tensor[]): tfjs.Tensor1D {
  return tf.concat(tensors.map((tensor) => tf.reshape(tensor, [tensor.size]) as tfjs.Tensor1D));
}
