/**
 * The curriculum of horizons (Chen et al. 2020, "Training stronger baselines for learning to optimize", arXiv 2010.09089):
 * training begins with short episodes, every held-out evaluation is over the next horizon, and when that
 * stops improving, training goes on with it.
 */
import type { RunConfig } from '../shared/config.js';
import type { Decision } from '../shared/journal/journal.js';
import { horizonAfter, typicalHorizon } from '../shared/timeline.js';
import { better, type LearnerState } from './learner.js';

type Evaluated = Extract<Decision, { type: 'evaluation' }>;

/**
 * T of held-out evaluations after the horizon has grown so many times: the horizon after that of training. If episodes
 * draw their horizons, it is a typical one.
 */
export function validationHorizon(
  config: Pick<RunConfig, 'horizon' | 'longestHorizon' | 'curriculum'>,
  grown: number,
): number {
  if (config.longestHorizon > 0) return typicalHorizon(config);
  return horizonAfter(config, Math.min(grown + 1, config.curriculum.horizons.length));
}

/**
 * Whether the horizon grows with the evaluation that acts now: none of the last `patience` evaluations under this horizon
 * was better than one before. Undefined if it does not, or if there is no longer one.
 */
export function growthAt(
  { best, candidate, grown }: Pick<LearnerState, 'best' | 'candidate' | 'grown'>,
  { round, score }: Evaluated,
  { curriculum, evaluateEvery }: Pick<RunConfig, 'curriculum' | 'evaluateEvery'>,
): Decision | undefined {
  const horizon = curriculum.horizons[grown.length];
  if (horizon === undefined || candidate?.round !== round) return undefined;
  const { round: bestRound } = better(best, { ...candidate, score });
  if (round - bestRound < curriculum.patience * evaluateEvery) return undefined;
  return { type: 'horizon', horizon };
}
