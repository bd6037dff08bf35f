/** The estimators that lopt computes with. */

import { LoptError } from '../../shared/errors.js';
import type { BpttConfig } from '../../shared/estimators/bptt.js';
import type { EstimatorConfig } from '../../shared/estimators/estimator.js';
import { bptt } from './bptt.js';
import type { Estimator } from './estimator.js';
import { imitating } from './imitating.js';

/** Makes an estimator of one type. */
export interface EstimatorMaker<Config extends { readonly type: string } = EstimatorConfig> {
  readonly type: Config['type'];
  /** Its state is its own: callers only hand it back. */
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

/** Hides the type of an estimator's state from those who only hand it back. */
export function opaque<State>(estimator: Estimator<State>): Estimator {
  return estimator as Estimator<unknown> as Estimator;
}

/** Adds an estimator to those of this thread. Throws LoptError if its type is taken. */
export function addEstimatorMaker<Config extends EstimatorConfig>(maker: EstimatorMaker<Config>): void {
  if (makers.has(maker.type)) throw new LoptError(`Cannot add estimator "${maker.type}": there is one of this type`);
  makers.set(maker.type, maker);
}

/** The estimator of a configuration. Throws LoptError that names the known types. */
export function createEstimator(config: EstimatorConfig): Estimator {
  const maker = makers.get(config.type);
  if (maker) return maker.create(config);
  throw new LoptError(`Cannot compute estimator "${config.type}": it must be one of ${[...makers.keys()].join(', ')}`);
}
