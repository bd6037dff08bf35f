/**
 * Imitation of Adam (after Chen et al. 2020, "Training stronger baselines for learning to optimize", arXiv 2010.09089): in
 * a share of the episodes the meta-loss gains λ·Σ_t ||g_t − a_t||², where a_t is what Adam would do with the gradients
 * that φ has met in this episode so far. The way through the episode is φ's own, theirs is the teacher's.
 */

import type { Imitation } from '../../shared/estimators/bptt.js';
import { type DrawId, deriveKey, uniform } from '../../shared/random.js';
import { type AdamState, adam } from '../baselines/adam.js';
import type { Engine, ShardState } from '../engines/engine.js';
import { zeroBad } from '../engines/shard.js';

/** Whether φ imitates in an episode: a draw of its own. */
export function imitates(episode: Omit<DrawId, 'purpose'>, { share }: Imitation): boolean {
  return share > 0 && uniform(deriveKey({ ...episode, purpose: 'imitation' })) < share;
}

/** A window as φ walks through it, held against the teacher. */
export interface Lesson {
  /** The additional dL/dg, 2λ(g_t − a_t), [K × N]. */
  updateGradient: Float32Array;
  /** The teacher after the window. */
  teacher: AdamState;
}

/**
 * Walks through the next window of a shard, which is on no device, under the loaded φ, and leaves it as it was. The updates g_t are what
 * θ moved by, so any engine can be asked, one forward step at a time.
 */
export async function takeLesson(
  engine: Engine,
  state: ShardState,
  steps: number,
  { learningRate, weight }: Imitation,
): Promise<Lesson> {
  const optimizer = adam({ learningRate });
  const n = state.theta.length;
  let teacher = state.teacher ?? optimizer.init(n);
  const updateGradient = new Float32Array(steps * n);
  let walk = copyOf(state);
  for (let s = 0; s < steps; s++) {
    const wanted = optimizer.update(walk.gradient, teacher);
    teacher = wanted.state;
    const theta = walk.theta.slice();
    walk = (await engine.window({ state: walk, steps: 1, forwardOnly: true })).state;
    const row = updateGradient.subarray(s * n, (s + 1) * n);
    for (let i = 0; i < n; i++) row[i] = 2 * weight * (walk.theta[i]! - theta[i]! - wanted.updates[i]!);
  }
  // what went bad has zeros for its θ now: that was no step of φ's
  for (let s = 0; s < steps; s++) zeroBad(walk, updateGradient.subarray(s * n, (s + 1) * n));
  return { updateGradient, teacher };
}

/** The same shard in memory of its own. */
function copyOf(state: ShardState): ShardState {
  return {
    ...state,
    theta: state.theta.slice(),
    gradient: state.gradient.slice(),
    hidden: state.hidden.slice(),
    initialLosses: state.initialLosses.slice(),
    healthy: state.healthy.slice(),
  };
}
