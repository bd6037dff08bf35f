/** Advances one shard by one window, replaying its episode's earlier windows if they were lost. */
import type { RunConfig } from '../shared/config.js';
import { stepsOf } from '../shared/episodes.js';
import { allFinite } from '../shared/finite.js';
import { deriveKey, uniform } from '../shared/random.js';
import type { TreeNode } from '../shared/sum-tree.js';
import type { ShardPlace } from '../shared/timeline.js';
import type { Engine } from './engines/engine.js';
import type { Estimate, Estimator } from './estimators/estimator.js';
import { type KeptShard, type ResidentShards, ShardLostError } from './resident-shards.js';

/** A window to compute. */
export interface ShardJob {
  shard: number;
  place: ShardPlace;
  /** The shard after the previous window; absent at the start of an episode, and if it was lost. */
  kept?: KeptShard;
  /** If the shard was lost: φ of every earlier window of the episode, in order. */
  missed: readonly Float32Array[];
  /** Whether the shard's sum is hashed. @default false */
  isHashed?: boolean;
}

/** The shard's share of the round's sum, and its state for the next one. */
export interface AdvancedShard {
  shard: number;
  kept: KeptShard;
  node: TreeNode;
  replayed: number;
}

/** What a shard is advanced with. */
export interface Advancing {
  engine: Engine;
  estimator: Estimator;
  config: Pick<RunConfig, 'seed' | 'member' | 'problems' | 'unknownHorizon'>;
  /** Where to keep shards that stay on the engine's device. @default every state is handed over */
  residents?: ResidentShards | undefined;
}

/** Computes the job's window under φ. Throws ShardLostError if the shard is not where it was left. */
export async function advanceShard(
  { engine, estimator, config, residents }: Advancing,
  phi: Float32Array,
  job: ShardJob,
): Promise<AdvancedShard> {
  const { shard, place, missed } = job;
  const { seed, member, problems } = config;
  const { episode: index, horizon } = place;
  const episode = { seed, member, problems, shard, episode: index, horizon, told: toldHorizon(config, shard, place) };
  const resident = residents !== undefined;
  let state = stateOf(job, residents);
  // at the start of an episode, and before a replay of its windows
  state ??= await estimator.begin(engine, missed[0] ?? phi, episode, { resident });
  for (const [window, missedPhi] of missed.entries()) {
    const at = { ...episode, window, steps: stepsOf(window, place) };
    state = (await estimator.window(engine, missedPhi, state, at, { metaGradient: false, resident })).state;
  }
  const at = { ...episode, window: place.window, steps: place.steps };
  const estimate = await estimator.window(engine, phi, state, at, { resident });
  return {
    shard,
    kept: residents ? residents.put(shard, estimate.state) : { state: estimate.state },
    node: leafOf(shard, problems, estimate),
    replayed: missed.length,
  };
}

/** The horizon as φ is told: in a share of the episodes 0, which says nothing. Drawn for each episode. */
export function toldHorizon(
  { seed, member, unknownHorizon }: Pick<RunConfig, 'seed' | 'member' | 'unknownHorizon'>,
  shard: number,
  { episode, horizon }: Pick<ShardPlace, 'episode' | 'horizon'>,
): number {
  if (unknownHorizon === 0) return horizon;
  const key = deriveKey({ seed, member, shard, episode, purpose: 'toldHorizon' });
  return uniform(key) < unknownHorizon ? 0 : horizon;
}

/** The job's state; none at the start of an episode, which drops what is left of an earlier one. */
function stateOf({ shard, kept }: ShardJob, residents: ResidentShards | undefined): unknown {
  if (!kept) residents?.drop(shard);
  if (!kept || 'state' in kept) return kept?.state;
  if (!residents)
    throw new ShardLostError(`Cannot continue shard ${shard}: its state must be handed over, but is on a device`);
  return residents.take(shard, kept.resident);
}

/** A shard's leaf of the sum tree: zeros if its sums are not finite. */
function leafOf(
  shard: number,
  problems: number,
  { metaGradient, loss, finalLoss, healthy }: Estimate<unknown>,
): TreeNode {
  const place = { level: 0, index: shard, problems };
  if (Number.isFinite(loss) && allFinite(metaGradient)) return { ...place, metaGradient, loss, finalLoss, healthy };
  return { ...place, metaGradient: new Float32Array(metaGradient.length), loss: 0, finalLoss: 0, healthy: 0 };
}
