/** The registry of estimators. */
import type { BpttConfig } from '../../shared/estimators/bptt.js';
import type { EsConfig } from '../../shared/estimators/es.js';
import type { EstimatorConfig } from '../../shared/estimators/estimator.js';
import type { NresConfig } from '../../shared/estimators/nres.js';
import type { PesConfig } from '../../shared/estimators/pes.js';
import { TypeRegistry } from '../../shared/type-registry.js';
import { bptt } from './bptt.js';
import { es } from './es.js';
import type { Estimator } from './estimator.js';
import { imitating } from './imitating.js';
import { nres } from './nres.js';
import { pes } from './pes.js';

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
    return config.imitation.share > 0 ? imitating(plain, config.imitation) : plain;
  },
};

const esMaker: EstimatorMaker<EsConfig> = { type: 'es', create: es };
const pesMaker: EstimatorMaker<PesConfig> = { type: 'pes', create: pes };
const nresMaker: EstimatorMaker<NresConfig> = { type: 'nres', create: nres };

const registry = new TypeRegistry<EstimatorMaker>({ add: 'Cannot add estimator', find: 'Cannot compute estimator' }, [
  bpttMaker,
  esMaker,
  pesMaker,
  nresMaker,
]);

/** Registers an estimator in this thread; a new one of lopt's own is added above. Throws LoptError if its type is taken. */
export function addEstimatorMaker<Config extends EstimatorConfig>(maker: EstimatorMaker<Config>): void {
  registry.add(maker);
}

/** The estimator of a configuration. Throws LoptError that names the known types if there is none. */
export function createEstimator(config: EstimatorConfig): Estimator {
  return registry.get(config).create(config);
}
