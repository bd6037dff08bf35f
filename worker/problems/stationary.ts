/** Keeps a stationary loss from reading anything that changes between steps. */
import type * as tfjs from '@tensorflow/tfjs';
import { LoptError } from '../../shared/errors.js';
import { dataTensor } from './data-tensor.js';
import type { Batch, Problems } from './problem.js';

/**
 * A batch for stationary losses: reading `data` or `key` throws LoptError.
 *
 * @param tensor the data, [P × numbers per problem]; undefined if there are none
 */
export function stationaryBatch(
  { count, split }: Pick<Batch, 'count' | 'split'>,
  tensor: tfjs.Tensor2D | undefined,
): Batch {
  const batch = { count, split, ...(tensor && { tensor }) };
  const refuse = (name: string) => ({
    get(): never {
      throw new LoptError(
        `Cannot compute the loss of stationary problems: it must read their data only through dataTensor(), got a use of "${name}"`,
      );
    },
  });
  return Object.defineProperties(batch, { data: refuse('data'), key: refuse('key') }) as Batch;
}

/** The problems, given the batches of a device that replays operations; for trials without such a device. */
export function withStationaryBatches(problems: Problems): Problems {
  return {
    ...problems,
    loss(tf, theta, batch, step) {
      const tensor = batch.data.length === 0 ? undefined : dataTensor(tf, batch);
      return problems.loss(tf, theta, stationaryBatch(batch, tensor), step);
    },
  };
}
