/** The one place that says which architectures, estimators and engines cannot be combined. */
import type { ArchitectureConfig } from './architectures/architecture.js';
import { architectureOf } from './architectures/registry.js';
import type { EstimatorConfig } from './estimators/estimator.js';
import { estimatorOf } from './estimators/registry.js';

/** What an engine can do. */
export interface EngineAbilities {
  readonly name: string;
  /** Whether it can go backward through a window. */
  readonly backward: boolean;
  /** The types of the architectures that it computes; undefined if it computes any. */
  readonly architectures?: readonly string[] | undefined;
}

/** What a run combines. */
export interface Combination {
  readonly architecture: ArchitectureConfig;
  readonly estimator: EstimatorConfig;
}

/**
 * Why an architecture, an estimator and an engine cannot be combined, as the end of a sentence; undefined if they can.
 *
 * @param engine undefined while none is chosen
 */
export function combinationFault(
  { architecture, estimator }: Combination,
  engine?: EngineAbilities,
): string | undefined {
  const needs = estimatorOf(estimator).needs(estimator);
  const spec = architectureOf(architecture);
  const more = spec.reads(architecture).filter((reading) => reading !== 'gradient');
  if (needs.backward && more.length > 0) {
    const read = more.join(' and ');
    return `estimator ${estimator.type} goes backward through architectures that read gradients alone, and ${architecture.type} reads ${read}`;
  }
  const indifferentiable = needs.secondDerivatives ? spec.indifferentiable(architecture) : undefined;
  if (indifferentiable) return `${indifferentiable} with second derivatives`;
  if (!engine) return undefined;
  if (needs.backward && !engine.backward) {
    return `engine ${engine.name} cannot go backward through a window, which estimator ${estimator.type} needs`;
  }
  if (engine.architectures && !engine.architectures.includes(architecture.type)) {
    return `engine ${engine.name} cannot compute architecture ${architecture.type}`;
  }
  return undefined;
}
