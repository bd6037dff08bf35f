/** One window of an episode, as the training options want it. */
import type { RunConfig } from '../../shared/config.js';
import type { Engine, ShardState, WindowResult } from '../engines/engine.js';
import { lossWeightsOf } from '../training/loss-weights.js';
import { imitates, takeLesson } from './imitating.js';

/** The window to compute. */
export interface TrainingWindow {
  state: ShardState;
  /** Inner steps. */
  steps: number;
  /** Whose it is. */
  shard: number;
  episode: number;
  /** Only advance the state, for a replay. @default false */
  forwardOnly?: boolean;
  /** Leave the state on the engine's device, if it has one; not where φ imitates. @default false */
  resident?: boolean;
}

/** Computes a window under the loaded φ. The loss that it gives does not count what imitation adds. */
export async function trainWindow(
  engine: Engine,
  { seed, member, estimator }: Pick<RunConfig, 'seed' | 'member' | 'estimator'>,
  { state, steps, shard, episode, forwardOnly = false, resident = false }: TrainingWindow,
): Promise<WindowResult> {
  const lossWeights = lossWeightsOf(estimator.lossWeights, steps);
  const request = { steps, forwardOnly, ...(lossWeights && { lossWeights }) };
  if (!imitates({ seed, member, shard, episode }, estimator.imitation)) {
    return engine.window({ ...request, state, resident });
  }
  const { updateGradient, teacher } = await takeLesson(engine, state, steps, estimator.imitation);
  const result = await engine.window({ ...request, state, updateGradient });
  return { ...result, state: { ...result.state, teacher } };
}
