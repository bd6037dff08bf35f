/** Scores any optimizer, learned or hand-designed, on a chunk of problems. */

import type { ChunkScores } from '../shared/messages.js';
import { deriveKey, type Purpose } from '../shared/random.js';
import type { RolloutRequest } from './engines/rollout.js';
import type { Split } from './problems/problem.js';

/** Which problems to score an optimizer on, and for how long. */
export interface EvaluationRequest {
  seed: number;
  /** Which stream the problems are drawn from: those for tuning and comparing are disjoint. */
  purpose: Purpose;
  split: Split;
  /** Which chunk of problems: each chunk has its own key. */
  chunk: number;
  /** Problems in this chunk. */
  count: number;
  /** T, steps of the optimizer. */
  horizon: number;
  /** Steps t, ascending, from 0 to T, at which every problem's loss is kept for a curve. @default none */
  curveSteps?: readonly number[];
}

/** Scores an optimizer on `count` problems at once, from the losses [(T + 1) × P] that the rollout `run` returns. */
export async function evaluateChunk(
  run: (request: RolloutRequest) => Promise<Float64Array> | Float64Array,
  { seed, purpose, split, chunk, count, horizon, curveSteps }: EvaluationRequest,
): Promise<ChunkScores> {
  const key = deriveKey({ seed, member: 0, shard: chunk, episode: 0, purpose });
  const losses = await run({ key, count, split, horizon });
  const rowOf = (t: number) => losses.subarray(t * count, (t + 1) * count);
  const sum = new Float64Array(count);
  for (let t = 0; t < horizon; t++) {
    const row = rowOf(t);
    for (let p = 0; p < count; p++) sum[p] = sum[p]! + row[p]!;
  }
  const scores: ChunkScores = { chunk, initial: rowOf(0).slice(), sum, final: rowOf(horizon).slice() };
  if (!curveSteps?.length) return scores;
  const curve = new Float64Array(curveSteps.length * count);
  curveSteps.forEach((t, index) => {
    curve.set(rowOf(t), index * count);
  });
  return { ...scores, curve };
}
