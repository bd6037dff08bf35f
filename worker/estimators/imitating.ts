/**
 * Imitation of Adam (after Chen et al. 2020, "Training stronger baselines for learning to optimize", arXiv 2010.09089):
 * in a share of the episodes the meta-loss gains λ·Σ_t ||g_t − a_t||², where a_t is Adam's update for the gradients
 * that φ has seen in this episode so far. The episode follows φ's updates; in the paper it follows the teacher's.
 */
import type { Imitation } from '../../shared/estimators/bptt.js';
import { deriveKey, uniform } from '../../shared/random.js';
import { type AdamState, adam } from '../baselines/adam.js';
import type { Engine, ShardState } from '../engines/engine.js';
import { zeroBad } from '../engines/shard.js';
import type { EpisodePlace, Estimator, WindowPlace } from './estimator.js';

/** The state of an episode between two windows. */
export interface ImitatingState {
  shard: ShardState;
  /** The state of the Adam that φ imitates; undefined if φ does not imitate in this episode. */
  teacher: AdamState | undefined;
}

/**
 * Adds the imitation's dL/dg, in some of the episodes, to an estimator with a backward pass. The reported loss does not
 * include the imitation.
 */
export function imitating(inner: Estimator<ShardState>, imitation: Imitation): Estimator<ImitatingState> {
  return {
    async begin(engine, phi, episode, want = {}) {
      if (!imitates(episode, imitation)) {
        return { shard: await inner.begin(engine, phi, episode, want), teacher: undefined };
      }
      // the teacher reads θ and ∇ on the host
      const shard = await inner.begin(engine, phi, episode, { ...want, resident: false });
      return { shard, teacher: adam(imitation).init(shard.theta.length) };
    },
    async window(engine, phi, { shard, teacher }, place, want = {}) {
      if (!teacher) {
        const estimate = await inner.window(engine, phi, shard, place, want);
        return { ...estimate, state: { shard: estimate.state, teacher } };
      }
      const imitated = await imitationOf(engine, phi, { shard, teacher }, place, imitation);
      const { updateGradient } = imitated;
      const estimate = await inner.window(engine, phi, shard, place, { ...want, resident: false, updateGradient });
      return { ...estimate, state: { shard: estimate.state, teacher: imitated.teacher } };
    },
    keep: ({ shard }) => inner.keep(shard),
  };
}

/** Whether φ imitates in an episode: drawn for each episode. */
export function imitates(
  { seed, member, shard, episode }: Omit<EpisodePlace, 'problems' | 'horizon'>,
  { share }: Imitation,
): boolean {
  return share > 0 && uniform(deriveKey({ seed, member, shard, episode, purpose: 'imitation' })) < share;
}

/** The imitation's share of a window. */
interface WindowImitation {
  /** The additional dL/dg, 2λ(g_t − a_t), [K × N]. */
  updateGradient: Float32Array;
  /** The teacher after the window. */
  teacher: AdamState;
}

/**
 * Runs the next window of a shard, which must not be on a device, and leaves the shard unchanged. The updates g_t are
 * the differences of θ, so any engine can compute them, one forward step at a time.
 */
async function imitationOf(
  engine: Engine,
  phi: Float32Array,
  { shard, teacher: before }: { shard: ShardState; teacher: AdamState },
  { steps, horizon, told = horizon }: Pick<WindowPlace, 'steps' | 'horizon' | 'told'>,
  { learningRate, weight }: Imitation,
): Promise<WindowImitation> {
  const optimizer = adam({ learningRate });
  const n = shard.theta.length;
  let teacher = before;
  const updateGradient = new Float32Array(steps * n);
  let current = copyOf(shard);
  for (let s = 0; s < steps; s++) {
    const theta = current.theta.slice();
    const imitated = optimizer.update(current.gradient, teacher);
    teacher = imitated.state;
    current = (await engine.window({ phi, state: current, steps: 1, horizon: told, forwardOnly: true })).state;
    const row = updateGradient.subarray(s * n, (s + 1) * n);
    for (let i = 0; i < n; i++) row[i] = 2 * weight * (current.theta[i]! - theta[i]! - imitated.updates[i]!);
  }
  // the θ of a bad problem was zeroed, which is not an update of φ's
  for (let s = 0; s < steps; s++) zeroBad(current, updateGradient.subarray(s * n, (s + 1) * n));
  return { updateGradient, teacher };
}

/** A copy of the shard in its own memory. */
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
