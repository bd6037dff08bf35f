/** The data of problems as a tensor. */
import type * as tfjs from '@tensorflow/tfjs';
import type { Batch, Tf } from './problem.js';

/**
 * `batch.data` as [P, numbers per problem], for losses. An engine keeps it on its device for the whole episode; a
 * tensor made from the array would be copied there at every step.
 */
export function dataTensor(tf: Tf, batch: Batch): tfjs.Tensor2D {
  return batch.tensor ?? tf.tensor2d(batch.data, [batch.count, batch.data.length / batch.count]);
}
