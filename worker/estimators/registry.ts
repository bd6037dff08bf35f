/** The registry of estimators. */

import { LoptError } from '../../shared/errors.js';
import type { BpttConfig } from '../../shared/estimators/bptt.js';
import type { EstimatorConfig } from '../../shared/estimators/estimator.js';
import { bptt } from './bptt.js';
import type { Estimator } from './estimator.js';
import { imitating } from './imitating.js';

/** Makes an estimator of one type. */
export interface EstimatorMaker<Config extends { readonly type: string } = EstimatorConfig> {
  readonly type: Config['type'];
  /** Callers only pass its state back. */
  create(config: Config): Estimator;
}

const bpttMaker: EstimatorMaker<BpttConfig> = {
  type: 'bptt',
  create(config) {
    const plain = bptt(config);
    return config.imitation.share > 0 ? opaque(imitating(plain, config.imitation)) : opaque(plain);
  },
};

const makers = new Map<string, EstimatorMaker>([bpttMaker].map((maker) => [maker.type, maker]));

/** Hides the type of an estimator's state from callers, which only pass it back. */
export function opaque<State>(estimator: Estimator<State>): Estimator {
  return estimator as Estimator<unknown> as Estimator;
}

/** Registers an estimator in this thread. Throws LoptError if its type is taken. */
export function addEstimatorMaker<Config extends EstimatorConfig>(maker: EstimatorMaker<Config>): void {
  if (makers.has(maker.type))
    throw new LoptError(`Cannot add estimator "${maker.type}": there is already one of this type`);
  makers.set(maker.type, maker);
}

/** The estimator of a configuration. Throws LoptError that names the known types if there is none. */
export function createEstimator(config: EstimatorConfig): Estimator {
  const maker = makers.get(config.type);
  if (maker) return maker.create(config);
  throw new LoptError(`Cannot compute estimator "${config.type}": it must be one of ${[...makers.keys()].join(', ')}`);
}
