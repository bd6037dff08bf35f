/** Measures any optimizer, learned or hand-designed, on a chunk of functions. */

import type { ChunkScores } from '../shared/messages.js';
import { type DrawId, deriveKey, type Purpose } from '../shared/random.js';
import type { Optimizer } from './optimizers/optimizer.js';
import type { Gradient, Problems, Split } from './problems/problem.js';

/** Which functions are measured, and for how long. */
export interface EvaluationRequest {
  seed: number;
  /** Which stream the functions come from: those for tuning and for comparing are disjoint. */
  purpose: Purpose;
  split: Split;
  /** Which chunk of functions: each is drawn from a key of its own. */
  chunk: number;
  /** Functions in this chunk. */
  count: number;
  /** T, steps of the optimizer. */
  horizon: number;
  /** Steps t, ascending, from 0 to T, at which every function's loss is kept for a curve. @default none */
  curveSteps?: readonly number[];
}

/**
 * Runs the optimizer for T steps from θ_0 on `count` functions at once. f(θ_t) is taken on minibatch t, which is also
 * the one whose gradient the optimizer sees at θ_t.
 */
export function evaluateChunk<State>(
  optimizer: Optimizer<State>,
  problems: Problems,
  gradientOf: Gradient,
  { seed, purpose, split, chunk, count, horizon, curveSteps = [] }: EvaluationRequest,
): ChunkScores {
  const id: DrawId = { seed, member: 0, shard: chunk, episode: 0, purpose };
  const key = deriveKey(id);
  const { theta, data } = problems.draw(key, count, split);
  const batch = { count, data, key, split };
  const gradient = new Float32Array(theta.length);
  const losses = new Float64Array(count);
  const sum = new Float64Array(count);
  const curve = new Float64Array(curveSteps.length * count);
  let kept = 0;
  function keep(t: number): void {
    if (curveSteps[kept] === t) curve.set(losses, count * kept++);
  }
  gradientOf(theta, batch, 0, gradient, losses);
  const initial = losses.slice();
  keep(0);
  let state = optimizer.init(theta.length);
  for (let t = 0; t < horizon; t++) {
    for (let p = 0; p < count; p++) sum[p] = sum[p]! + losses[p]!;
    const step = optimizer.update(gradient, state);
    state = step.state;
    for (let i = 0; i < theta.length; i++) theta[i] = theta[i]! + step.updates[i]!;
    gradientOf(theta, batch, t + 1, gradient, losses);
    keep(t + 1);
  }
  return { chunk, initial, sum, final: losses, ...(curveSteps.length > 0 ? { curve } : {}) };
}
