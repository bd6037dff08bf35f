/**
 * Imitation of Adam (after Chen et al. 2020, "Training stronger baselines for learning to optimize", arXiv 2010.09089): in
 * a share of the episodes the meta-loss gains λ·Σ_t ||g_t − a_t||², where a_t is what Adam would do with the gradients
 * that φ has met in this episode so far. The way through the episode is φ's own, theirs is the teacher's.
 */
import type { Imitation } from '../../shared/estimators/bptt.js';
import { deriveKey, uniform } from '../../shared/random.js';
import { type AdamState, adam } from '../baselines/adam.js';
import type { Engine, ShardState } from '../engines/engine.js';
import { zeroBad } from '../engines/shard.js';
import type { EpisodePlace, Estimator } from './estimator.js';

/** What an episode has between two windows. */
export interface ImitatingState {
  shard: ShardState;
  /** What the Adam that is imitated has seen of this episode; undefined if φ does not imitate in it. */
  teacher: AdamState | undefined;
}

/**
 * An estimator that goes backward, with the imitation's dL/dg added in some of the episodes. The loss that it gives does
 * not count what imitation adds.
 */
export function imitating(inner: Estimator<ShardState>, imitation: Imitation): Estimator<ImitatingState> {
  return {
    async begin(engine, phi, episode, want = {}) {
      if (!imitates(episode, imitation)) {
        return { shard: await inner.begin(engine, phi, episode, want), teacher: undefined };
      }
      // a lesson is taken where the shard is at hand
      const shard = await inner.begin(engine, phi, episode, { ...want, resident: false });
      return { shard, teacher: adam(imitation).init(shard.theta.length) };
    },
    async window(engine, phi, { shard, teacher }, place, want = {}) {
      if (!teacher) {
        const estimate = await inner.window(engine, phi, shard, place, want);
        return { ...estimate, state: { shard: estimate.state, teacher } };
      }
      const lesson = await takeLesson(engine, phi, { shard, teacher }, place.steps, imitation);
      const { updateGradient } = lesson;
      const estimate = await inner.window(engine, phi, shard, place, { ...want, resident: false, updateGradient });
      return { ...estimate, state: { shard: estimate.state, teacher: lesson.teacher } };
    },
    keep: ({ shard }) => inner.keep(shard),
  };
}

/** Whether φ imitates in an episode: a draw of its own. */
export function imitates(
  { seed, member, shard, episode }: Omit<EpisodePlace, 'problems'>,
  { share }: Imitation,
): boolean {
  return share > 0 && uniform(deriveKey({ seed, member, shard, episode, purpose: 'imitation' })) < share;
}

/** What the teacher says of a window. */
interface Lesson {
  /** The additional dL/dg, 2λ(g_t − a_t), [K × N]. */
  updateGradient: Float32Array;
  /** The teacher after the window. */
  teacher: AdamState;
}

/**
 * Runs through the next window of a shard, which is on no device, and leaves it as it was. The updates g_t are what θ
 * moved by, so any engine can be asked, one forward step at a time.
 */
async function takeLesson(
  engine: Engine,
  phi: Float32Array,
  { shard, teacher: before }: { shard: ShardState; teacher: AdamState },
  steps: number,
  { learningRate, weight }: Imitation,
): Promise<Lesson> {
  const optimizer = adam({ learningRate });
  const n = shard.theta.length;
  let teacher = before;
  const updateGradient = new Float32Array(steps * n);
  let walk = copyOf(shard);
  for (let s = 0; s < steps; s++) {
    const theta = walk.theta.slice();
    const wanted = optimizer.update(walk.gradient, teacher, theta);
    teacher = wanted.state;
    walk = (await engine.window({ phi, state: walk, steps: 1, forwardOnly: true })).state;
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
