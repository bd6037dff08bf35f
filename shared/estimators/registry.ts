/** The estimators that lopt knows. */
import { LoptError } from '../errors.js';
import { type Shape, shapeError } from '../shape.js';
import { bptt } from './bptt.js';
import type { EstimatorConfig, EstimatorSpec } from './estimator.js';

const specs = new Map<string, EstimatorSpec>([bptt].map((spec) => [spec.type, spec]));

/** Every estimator by its type; a new one is added above. */
export const ESTIMATORS: ReadonlyMap<string, EstimatorSpec> = specs;

/** The estimator of a run that names none. */
export const DEFAULT_ESTIMATOR = 'bptt';

/** Adds an estimator to those of this thread. Throws LoptError if its type is taken. */
export function addEstimator<Config extends EstimatorConfig>(spec: EstimatorSpec<Config>): void {
  if (specs.has(spec.type)) throw new LoptError(`Cannot add estimator "${spec.type}": this type is taken`);
  specs.set(spec.type, spec);
}

/** The specification of a configuration. Throws LoptError that names the known types. */
export function estimatorOf({ type }: { readonly type: string }): EstimatorSpec {
  const spec = specs.get(type);
  if (spec) return spec;
  throw new LoptError(`Cannot find estimator "${type}": it must be one of ${[...specs.keys()].join(', ')}`);
}

/** The configuration of any estimator, as in a message. */
export const estimatorShape: Shape<EstimatorConfig> = (value, at) => {
  const type = (value as { type?: unknown } | null | undefined)?.type;
  const spec = typeof type === 'string' ? specs.get(type) : undefined;
  if (!spec) throw shapeError(`${at}.type`, `one of ${[...specs.keys()].join(', ')}`, type);
  return spec.shape(value, at);
};
