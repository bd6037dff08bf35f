/** Advances one shard by one window, replaying what is missing of its episode. */
import type { RunConfig } from '../shared/config.js';
import { stepsOf, type WindowPlace } from '../shared/episodes.js';
import { allFinite } from '../shared/finite.js';
import { deriveKey } from '../shared/random.js';
import type { TreeNode } from '../shared/sum-tree.js';
import type { Engine, ShardState, WindowResult } from './engines/engine.js';

/** A window to compute. */
export interface ShardJob {
  shard: number;
  place: WindowPlace;
  /** The shard after the window before this one; absent at the start of an episode, and where it was lost. */
  state?: ShardState;
  /** Where the state was lost: φ of every earlier window of the episode, in order. */
  missed: readonly Float32Array[];
  /** Whether the shard's sum is hashed. @default false */
  isHashed?: boolean;
}

/** The shard's share of the round's sum, and its state for the next one. */
export interface AdvancedShard {
  shard: number;
  state: ShardState;
  node: TreeNode;
  replayed: number;
}

/** Computes the job's window under φ. */
export function advanceShard(engine: Engine, config: RunConfig, phi: Float32Array, job: ShardJob): AdvancedShard {
  let state = job.state ?? beginEpisode(engine, config, job);
  job.missed.forEach((missedPhi, window) => {
    engine.loadPhi(missedPhi);
    state = engine.window({ state, steps: stepsOf(window, config), forwardOnly: true }).state;
  });
  engine.loadPhi(phi);
  const result = engine.window({ state, steps: job.place.steps });
  return {
    shard: job.shard,
    state: result.state,
    node: leafOf(job.shard, config.problems, result),
    replayed: job.missed.length,
  };
}

function beginEpisode(engine: Engine, { seed, member, problems }: RunConfig, { shard, place }: ShardJob): ShardState {
  const key = deriveKey({ seed, member, shard, episode: place.episode, purpose: 'train' });
  return engine.begin(key, problems, 'train');
}

/** A shard whose sums are not finite adds nothing. */
function leafOf(shard: number, problems: number, { phiGradient, loss, finalLoss, healthy }: WindowResult): TreeNode {
  const place = { level: 0, index: shard, problems };
  if (Number.isFinite(loss) && allFinite(phiGradient))
    return { ...place, gradient: phiGradient, loss, finalLoss, healthy };
  return { ...place, gradient: new Float32Array(phiGradient.length), loss: 0, finalLoss: 0, healthy: 0 };
}
