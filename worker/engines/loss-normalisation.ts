/** Losses in a unit of the problem's own, so that families with large losses do not count for more than others. */
import { log } from '../../shared/elementary.js';
import type { LossNormalisation } from '../problems/problem.js';

/** What f over f(θ_0) is taken to be at least, before the logarithm: f may reach 0. */
export const SMALLEST_SHARE = 1e-8;

/**
 * The losses [K × P] in units of f(θ_0) [P]. With r = f/|f(θ_0)|, and r = f if f(θ_0) is 0, they are
 *
 *     initial    r
 *     log        ln((max(r, 0) + ε)/(1 + ε)), ε = 10^−8
 *
 * both of which grow with f and do not change if f is multiplied by a positive number. `log` is 0 at θ_0 and at least
 * ln ε, about −18.4, which a loss of 0 has; it cannot tell negative losses apart.
 */
export function normaliseLosses(
  losses: Float64Array,
  initialLosses: Float64Array,
  kind: LossNormalisation,
): Float64Array {
  const count = initialLosses.length;
  return losses.map((loss, at) => normaliseLoss(loss, initialLosses[at % count]!, kind));
}

/** The same of one loss, from f(θ_0) of its problem. */
export function normaliseLoss(loss: number, initialLoss: number, kind: LossNormalisation): number {
  const initial = Math.abs(initialLoss);
  const share = initial === 0 ? loss : loss / initial;
  return kind === 'initial' ? share : log((Math.max(share, 0) + SMALLEST_SHARE) / (1 + SMALLEST_SHARE));
}
