/**
 * Which shards are computed twice, by two workers: a check on hardware. The draw is for a whole episode of a shard,
 * since a copy must follow the shard from the episode's start; so the share of shards is also the share of work. It is
 * a function of (seed, member, shard, episode) with its own purpose: everybody knows it without a message, and no other
 * draw changes.
 *
 * The two are compared by a hash of the shard's sum before it is added to others: a hash takes a tenth of a kilobyte,
 * and pre-adding stays as it is.
 */
import { createHash } from 'node:crypto';
import type { RunConfig } from './config.js';
import { deriveKey, threefry2x32 } from './random.js';
import type { TreeNode } from './sum-tree.js';

/** Share of the shards that are computed twice. */
export const DOUBLED_SHARE = 0.01;

/**
 * The share at which nothing counts that two workers have not computed. What is compared then are the sums as they are
 * sent: hashes of their leaves say nothing of a sum that is false.
 */
export const EVERYTHING = 1;

/** Whether a shard is computed twice in an episode. */
export function isDoubled(
  { seed, member }: Pick<RunConfig, 'seed' | 'member'>,
  shard: number,
  episode: number,
  share = DOUBLED_SHARE,
): boolean {
  const key = deriveKey({ seed, member, shard, episode, purpose: 'doubleComputation' });
  return threefry2x32(key, [0, 0])[0] < share * 2 ** 32;
}

/** SHA-256 of all bits of a sum except its place: a node without a right child equals its left child. */
export function hashOfNode({
  metaGradient,
  loss,
  finalLoss,
  healthy,
  problems,
}: Omit<TreeNode, 'level' | 'index'>): string {
  return createHash('sha256')
    .update(new Uint8Array(metaGradient.buffer, metaGradient.byteOffset, metaGradient.byteLength))
    .update(new Uint8Array(Float64Array.of(loss, finalLoss, healthy, problems).buffer))
    .digest('hex');
}
