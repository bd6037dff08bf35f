/** The learning rate as a function of the round. */
import type { OuterConfig } from '../shared/config.js';
import { cosTurns } from '../shared/elementary.js';

/**
 * The learning rate of round n: the peak for a `flat` share of the planned rounds, then half a cosine down to
 * `finalRate` of it, which stays. Without a plan yet, the peak: a plan never ends the flat part before the round
 * that makes it.
 */
export function learningRateAt(
  round: number,
  planned: number | null,
  { learningRate, finalRate, flat }: OuterConfig,
): number {
  if (planned === null) return learningRate;
  const start = flat * planned;
  if (round <= start) return learningRate;
  const progress = Math.min(1, (round - start) / (planned - start));
  return learningRate * (finalRate + (1 - finalRate) * 0.5 * (1 + cosTurns(progress / 2)));
}

/** The least plan that may be made at round n, so that no learning rate up to n would have been another. */
export function leastPlan(round: number, { flat }: OuterConfig): number {
  return Math.ceil((round + 1) / flat);
}
