/** What a round fixes for good: the decision records that are journalled with it, before their first use. */
import type { RunConfig } from '../shared/config.js';
import type { Decision } from '../shared/journal/journal.js';
import { growthAt } from './curriculum.js';
import type { LearnerState } from './learner.js';

/** What depends on time or arrival, as it is when a round's sum is complete. */
export interface Observed {
  /** Of the engine that computes the run. */
  fingerprint: string;
  /** The pace's plan; undefined while there is none to be made. */
  plannedRounds: number | undefined;
  /** Of the φ that `actingCandidate` names, null if it is not finite; undefined if there is no such φ. */
  score: number | null | undefined;
}

/** The φ whose evaluation acts in the next round: the one that was a candidate E rounds before, whenever its scores came. */
export function actingCandidate(
  { round, candidate }: Pick<LearnerState, 'round' | 'candidate'>,
  { evaluateEvery }: Pick<RunConfig, 'evaluateEvery'>,
): LearnerState['candidate'] {
  return candidate && candidate.round + evaluateEvery === round + 1 ? candidate : null;
}

/** The decision records of the round after the state: the engine and the plan, once, and the evaluation that acts now. */
export function decisionsAfter(
  state: Pick<LearnerState, 'round' | 'fingerprint' | 'plannedRounds' | 'candidate' | 'best' | 'grown'>,
  { fingerprint, plannedRounds, score }: Observed,
  config: Parameters<typeof growthAt>[2],
): Decision[] {
  const decisions: Decision[] = [];
  if (state.fingerprint === null) decisions.push({ type: 'engine', fingerprint });
  if (state.plannedRounds === null && plannedRounds !== undefined) {
    decisions.push({ type: 'plan', rounds: plannedRounds });
  }
  const acting = actingCandidate(state, config);
  if (acting && score !== undefined) {
    const evaluation = { type: 'evaluation', round: acting.round, score } as const;
    const growth = growthAt(state, evaluation, config);
    decisions.push(evaluation, ...(growth ? [growth] : []));
  }
  return decisions;
}
