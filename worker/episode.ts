/** Advances one shard by one window, replaying what is missing of its episode. */
import type { RunConfig } from '../shared/config.js';
import { stepsOf } from '../shared/episodes.js';
import { allFinite } from '../shared/finite.js';
import { deriveKey } from '../shared/random.js';
import type { TreeNode } from '../shared/sum-tree.js';
import type { ShardPlace } from '../shared/timeline.js';
import type { Engine, ShardState, WindowResult } from './engines/engine.js';
import { imitates } from './estimators/imitating.js';
import { trainWindow } from './estimators/train-window.js';
import { type ResidentShard, type ResidentShards, ShardLostError } from './resident-shards.js';

/** A window to compute. */
export interface ShardJob {
  shard: number;
  place: ShardPlace;
  /**
   * The shard after the window before this one, or where a thread keeps it; absent at the start of an episode, and where
   * it was lost.
   */
  state?: ShardState | ResidentShard;
  /** Where the state was lost: φ of every earlier window of the episode, in order. */
  missed: readonly Float32Array[];
  /** Whether the shard's sum is hashed. @default false */
  isHashed?: boolean;
}

/** The shard's share of the round's sum, and its state for the next one. */
export interface AdvancedShard {
  shard: number;
  state: ShardState | ResidentShard;
  node: TreeNode;
  replayed: number;
}

/**
 * Computes the job's window under φ. Where `residents` are given, an engine with a device leaves the shard there. Throws
 * ShardLostError where the shard is not where it was left.
 */
export async function advanceShard(
  engine: Engine,
  config: RunConfig,
  phi: Float32Array,
  job: ShardJob,
  residents: ResidentShards | undefined,
): Promise<AdvancedShard> {
  const { shard, place } = job;
  const { episode } = place;
  // a lesson is taken where the shard is at hand
  const resident = residents !== undefined && !imitates({ ...config, shard, episode }, config.estimator.imitation);
  let state = stateOf(job, residents) ?? (await beginEpisode(engine, config, job, resident));
  for (const [window, missedPhi] of job.missed.entries()) {
    engine.loadPhi(missedPhi);
    const request = { shard, episode, state, steps: stepsOf(window, place), forwardOnly: true, resident };
    state = (await trainWindow(engine, config, request)).state;
  }
  engine.loadPhi(phi);
  const result = await trainWindow(engine, config, { shard, episode, state, steps: place.steps, resident });
  return {
    shard,
    state: residents && result.state.device ? residents.put(shard, result.state) : result.state,
    node: leafOf(shard, config.problems, result),
    replayed: job.missed.length,
  };
}

/** The job's state; none at the start of an episode, when what is left of an earlier one goes. */
function stateOf({ shard, state }: ShardJob, residents: ResidentShards | undefined): ShardState | undefined {
  if (!state) residents?.drop(shard);
  if (!state || !('resident' in state)) return state;
  if (!residents) throw new ShardLostError(`Shard ${shard} stays on a device, and its state is to be handed over`);
  return residents.take(shard, state);
}

function beginEpisode(
  engine: Engine,
  { seed, member, problems }: RunConfig,
  { shard, place }: ShardJob,
  resident: boolean,
): Promise<ShardState> {
  const key = deriveKey({ seed, member, shard, episode: place.episode, purpose: 'train' });
  return engine.begin(key, problems, 'train', resident);
}

/** A shard whose sums are not finite adds nothing. */
function leafOf(shard: number, problems: number, { metaGradient, loss, finalLoss, healthy }: WindowResult): TreeNode {
  const place = { level: 0, index: shard, problems };
  if (Number.isFinite(loss) && allFinite(metaGradient))
    return { ...place, metaGradient: metaGradient, loss, finalLoss, healthy };
  return { ...place, metaGradient: new Float32Array(metaGradient.length), loss: 0, finalLoss: 0, healthy: 0 };
}
