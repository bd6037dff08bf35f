/** The data of problems as a tensor. */
import type * as tfjs from '@tensorflow/tfjs';
import type { Batch, Tf } from './problem.js';

/**
 * `batch.data` as [P, numbers of a problem], for losses: an engine keeps it on its device through an episode, where a
 * tensor made from the array would go there at every step.
 */
export function dataTensor(tf: Tf, batch: Batch): tfjs.Tensor2D {
  return batch.tensor ?? tf.tensor2d(batch.data, [batch.count, batch.data.length / batch.count]);
}
