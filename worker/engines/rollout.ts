/** Rollouts: an optimizer, learned or not, run forward over fresh problems to score it. */
import type { Key } from '../../shared/random.js';
import type { Walk } from '../../shared/walk.js';
import type { Gradient, Problems, Split } from '../problems/problem.js';

/** Which problems to run an optimizer on, and for how long. */
export interface RolloutRequest {
  /** The key that the problems are drawn from. */
  key: Key;
  /** P. */
  count: number;
  split: Split;
  /** T, steps of the optimizer. */
  horizon: number;
}

/**
 * f_t(θ_t) of every problem for t = 0…T, [(T + 1) × P]. f_t(θ_t) is taken on minibatch t, whose gradient the
 * optimizer also reads at θ_t.
 */
export function rollout(
  begin: (coordinates: number) => Walk,
  problems: Problems,
  gradientOf: Gradient,
  { key, count, split, horizon }: RolloutRequest,
): Float64Array {
  const { theta, data } = problems.draw(key, count, split);
  const batch = { count, data, key, split };
  const gradient = new Float32Array(theta.length);
  const losses = new Float64Array((horizon + 1) * count);
  const rowOf = (t: number) => losses.subarray(t * count, (t + 1) * count);
  gradientOf(theta, batch, 0, gradient, rowOf(0));
  const step = begin(theta.length);
  for (let t = 1; t <= horizon; t++) {
    step(gradient, theta);
    gradientOf(theta, batch, t, gradient, rowOf(t));
  }
  return losses;
}
