/** The one place that says which architectures, estimators and engines cannot be combined. */
import type { ArchitectureConfig } from './architectures/architecture.js';
import { architectureOf } from './architectures/registry.js';
import type { EstimatorConfig } from './estimators/estimator.js';
import { estimatorOf } from './estimators/registry.js';
import type { AugmentationConfig } from './training.js';

/** What an engine can do. */
export interface EngineAbilities {
  readonly name: string;
  /** Whether it can go backward through a window: with any architecture, none, or those of these types. */
  readonly backward: boolean | readonly string[];
  /** The types of the architectures that it computes; undefined if it computes any. */
  readonly architectures?: readonly string[] | undefined;
}

/** What a run combines. */
export interface Combination {
  readonly architecture: ArchitectureConfig;
  readonly estimator: EstimatorConfig;
  /** @default nothing is scaled */
  readonly augmentation?: AugmentationConfig;
  /** The problem family. @default not yet known */
  readonly problem?: string;
  readonly problemOptions?: Readonly<Record<string, unknown>>;
}

/**
 * Why an architecture, an estimator and an engine cannot be combined, as the end of a sentence; undefined if they can.
 *
 * @param engine undefined while none is chosen
 */
export function combinationFault(
  { architecture, estimator, augmentation, problem, problemOptions = {} }: Combination,
  engine?: EngineAbilities,
): string | undefined {
  const needs = estimatorOf(estimator).needs(estimator);
  const spec = architectureOf(architecture);
  const indifferentiable = needs.secondDerivatives ? spec.indifferentiable(architecture) : undefined;
  if (indifferentiable) return `${indifferentiable} with second derivatives`;
  if (needs.backward && augmentation && augmentation.lossScale > 0) {
    return `estimator ${estimator.type} weighs problems by the gradients that are read, which "scale-loss" scales, so it must be 0`;
  }
  const normalise = problem === 'mix' ? (problemOptions['normalise'] ?? 'none') : 'none';
  if (needs.backward && normalise !== 'none') {
    return `estimator ${estimator.type} weighs problems by their gradients, so "problem.normalise" of mix must be none, got ${normalise}`;
  }
  if (!engine) return undefined;
  if (engine.architectures && !engine.architectures.includes(architecture.type)) {
    return `engine ${engine.name} cannot compute architecture ${architecture.type}`;
  }
  if (needs.backward && engine.backward !== true) {
    const which = engine.backward || [];
    if (which.includes(architecture.type)) return undefined;
    const what = which.length > 0 ? `a window of architecture ${architecture.type}` : 'a window';
    return `engine ${engine.name} cannot go backward through ${what}, which estimator ${estimator.type} needs`;
  }
  return undefined;
}
