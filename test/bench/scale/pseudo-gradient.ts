/** What a simulated window gives: a function of (shard, round) alone, as cheap as may be. */
import { deriveKey, fillUniform } from '../../../shared/random.js';
import type { TreeNode } from '../../../shared/sum-tree.js';

/** Draws of a gradient; it repeats them, as drawing all of it would cost more than all that is to be measured. */
const DRAWS = 256;

/** The leaf of a shard in a round, with a gradient of `length` entries from [−1, 1). */
export function pseudoLeaf(shard: number, round: number, length: number, problems: number): TreeNode {
  const gradient = new Float32Array(length);
  fillUniform(keyOf(shard, round), gradient.subarray(0, DRAWS), -1, 1);
  for (let filled = DRAWS; filled < length; filled *= 2) gradient.copyWithin(filled, 0, filled);
  return {
    level: 0,
    index: shard,
    metaGradient: gradient,
    loss: gradient[0]!,
    finalLoss: gradient[1]!,
    healthy: problems,
    problems,
  };
}

/** A draw from [0, 1) of its own for a shard in a round. */
export function pseudoShare(shard: number, round: number): number {
  const draw = new Float32Array(1);
  fillUniform(keyOf(shard, round), draw, -1, 0);
  return draw[0]! + 1;
}

function keyOf(shard: number, round: number) {
  return deriveKey({ seed: 0, member: 0, shard, episode: round, purpose: 'probe' });
}
