/** The estimators that lopt computes with. */

import { LoptError } from '../../shared/errors.js';
import type { EstimatorConfig } from '../../shared/estimators/estimator.js';
import { bptt } from './bptt.js';
import type { Estimator } from './estimator.js';
import { imitating } from './imitating.js';

/** Makes an estimator with its options fixed. Its state is its own: callers only hand it back. */
export type EstimatorFactory<Config extends { readonly type: string } = EstimatorConfig> = (
  config: Config,
) => Estimator;

const factories = new Map<string, EstimatorFactory>([
  [
    'bptt',
    (config) => {
      const plain = bptt(config);
      return config.imitation.share > 0 ? opaque(imitating(plain, config.imitation)) : opaque(plain);
    },
  ],
]);

/** Hides the type of an estimator's state from those who only hand it back. */
export function opaque<State>(estimator: Estimator<State>): Estimator {
  return estimator as Estimator<unknown> as Estimator;
}

/** Adds an estimator to those of this thread. Throws LoptError if its type is taken. */
export function addEstimatorFactory<Config extends EstimatorConfig>(
  type: Config['type'],
  factory: EstimatorFactory<Config>,
): void {
  if (factories.has(type)) throw new LoptError(`Cannot add estimator "${type}": there is one of this type`);
  // it gets configurations of its own type alone
  factories.set(type, factory as unknown as EstimatorFactory);
}

/** The estimator of a configuration. Throws LoptError that names the known types. */
export function createEstimator(config: EstimatorConfig): Estimator {
  const factory = factories.get(config.type);
  if (factory) return factory(config);
  throw new LoptError(
    `Cannot compute estimator "${config.type}": it must be one of ${[...factories.keys()].join(', ')}`,
  );
}
