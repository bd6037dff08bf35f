/** The estimators that lopt knows. */
import type { Shape } from '../shape.js';
import { TypeRegistry } from '../type-registry.js';
import { bptt } from './bptt.js';
import { es } from './es.js';
import type { EstimatorConfig, EstimatorSpec } from './estimator.js';
import { nres } from './nres.js';
import { pes } from './pes.js';

const registry = new TypeRegistry<EstimatorSpec>({ add: 'Cannot add estimator', find: 'Cannot find estimator' }, [
  bptt,
  es,
  pes,
  nres,
]);

/** Every estimator by its type; a new one is added above. */
export const ESTIMATORS = registry.entries;

/** The estimator of a run that names none. */
export const DEFAULT_ESTIMATOR = 'bptt';

/** Adds an estimator to those of this thread. Throws LoptError if its type is taken. */
export function addEstimator<Config extends EstimatorConfig>(spec: EstimatorSpec<Config>): void {
  registry.add(spec);
}

/** The specification of a configuration. Throws LoptError that names the known types. */
export function estimatorOf(config: { readonly type: string }): EstimatorSpec {
  return registry.get(config);
}

/** The configuration of any estimator, as in a message. */
export const estimatorShape: Shape<EstimatorConfig> = registry.shape(({ shape }) => shape);
