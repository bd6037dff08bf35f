/** What a loss of stationary problems may read: nothing that changes from step to step. */
import type * as tfjs from '@tensorflow/tfjs';
import { LoptError } from '../../shared/errors.js';
import { dataTensor } from './data-tensor.js';
import type { Batch, Problems } from './problem.js';

/**
 * A batch without what a stationary loss must not read: a use of `data` or `key` throws LoptError.
 *
 * @param tensor the data, [P × numbers of a problem]; undefined where there are none
 */
export function stationaryBatch(
  { count, split }: Pick<Batch, 'count' | 'split'>,
  tensor: tfjs.Tensor2D | undefined,
): Batch {
  const batch = { count, split, ...(tensor && { tensor }) };
  const refuse = (name: string) => ({
    get(): never {
      throw new LoptError(
        `Cannot compute the loss of stationary problems: it must read their data by dataTensor() alone, got a use of "${name}"`,
      );
    },
  });
  return Object.defineProperties(batch, { data: refuse('data'), key: refuse('key') }) as Batch;
}

/** The problems with the batches of a device that repeats their operations; for a trial where there is none. */
export function withStationaryBatches(problems: Problems): Problems {
  return {
    ...problems,
    loss(tf, theta, batch, step) {
      const tensor = batch.data.length === 0 ? undefined : dataTensor(tf, batch);
      return problems.loss(tf, theta, stationaryBatch(batch, tensor), step);
    },
  };
}
