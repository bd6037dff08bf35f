/**
 * The fixed binary tree over shard index by which everything is summed: floating-point addition is not associative, but
 * one tree gives the same bits, whoever adds which part of it.
 *
 * A node (level l, index i) covers the shards [i·2^l, (i+1)·2^l) ∩ [0, S). A node without a right child passes its left
 * one on.
 */
import { allFinite } from './finite.js';

/** Which node of the tree. */
export interface NodePlace {
  level: number;
  index: number;
}

/** A sum over the shards of one node. */
export interface TreeNode extends NodePlace {
  /** Σ dL/dφ, one float32 add for each inner node. */
  metaGradient: Float32Array;
  /** Σ L, in float64. */
  loss: number;
  /** Σ f(θ_K), in float64. */
  finalLoss: number;
  /** Healthy problems. */
  healthy: number;
  /** Problems, healthy or not. */
  problems: number;
}

/** The shards [first, end) that a node covers. */
export function coverage(node: NodePlace, shards: number): { first: number; end: number } {
  const width = 2 ** node.level;
  return { first: node.index * width, end: Math.min((node.index + 1) * width, shards) };
}

/** Left plus right, in this order, into an array that may be either's. */
function addNodes(left: TreeNode, right: TreeNode, metaGradient: Float32Array): TreeNode {
  // two float32 values added in double and rounded once are the float32 sum
  for (let i = 0; i < metaGradient.length; i++) metaGradient[i] = left.metaGradient[i]! + right.metaGradient[i]!;
  return {
    level: left.level + 1,
    index: left.index >> 1,
    metaGradient,
    loss: left.loss + right.loss,
    finalLoss: left.finalLoss + right.finalLoss,
    healthy: left.healthy + right.healthy,
    problems: left.problems + right.problems,
  };
}

function isFiniteNode(node: TreeNode): boolean {
  return allFinite(node.metaGradient) && Number.isFinite(node.loss) && Number.isFinite(node.finalLoss);
}

/** How a tree adds. */
export interface SumTreeOptions {
  /**
   * Whether siblings whose sum overflows stay separate, so that every node of `nodes()` is finite if those added were:
   * what is sent must be finite, and the receiver's tree makes the same sum. @default false
   */
  finite?: boolean;
}

/** Collects nodes in any order and adds siblings as they meet. */
export class SumTree {
  readonly #shards: number;
  readonly #height: number;
  readonly #finite: boolean;
  /** Arrays that were allocated here. Those of added nodes belong to others, and are never written to. */
  readonly #own = new WeakSet<Float32Array>();
  /** By place: the root is 1, and the children of place p are 2p and 2p + 1. */
  readonly #nodes = new Map<number, TreeNode>();

  /** @param shards S, at least 1 */
  constructor(shards: number, { finite = false }: SumTreeOptions = {}) {
    this.#shards = shards;
    this.#height = Math.ceil(Math.log2(shards));
    this.#finite = finite;
  }

  /** Adds a node; returns false, and changes nothing, if a node that is here already covers it. */
  add(node: TreeNode): boolean {
    if (this.#isCovered(node)) return false;
    this.#removeBelow(node);
    let current = node;
    while (current.level < this.#height) {
      const isLeft = current.index % 2 === 0;
      const siblingIndex = isLeft ? current.index + 1 : current.index - 1;
      if (siblingIndex * 2 ** current.level >= this.#shards) {
        current = { ...current, level: current.level + 1, index: current.index >> 1 };
        continue;
      }
      const siblingPlace = this.#placeOf(current.level, siblingIndex);
      const sibling = this.#nodes.get(siblingPlace);
      if (!sibling) break;
      const into = this.#reusable(current) ?? this.#reusable(sibling) ?? new Float32Array(current.metaGradient.length);
      const sum = isLeft ? addNodes(current, sibling, into) : addNodes(sibling, current, into);
      if (this.#finite && !isFiniteNode(sum)) break;
      this.#own.add(into);
      this.#nodes.delete(siblingPlace);
      current = sum;
    }
    this.#nodes.set(this.#placeOf(current.level, current.index), current);
    return true;
  }

  /** The sum over all shards, once all are in. */
  get root(): TreeNode | undefined {
    return this.#nodes.get(1);
  }

  /** The largest complete nodes, by shard. A later `add` may overwrite those that were summed here. */
  nodes(): TreeNode[] {
    return [...this.#nodes.values()].sort((a, b) => a.index * 2 ** a.level - b.index * 2 ** b.level);
  }

  /** Whether a shard is in the sum. */
  has(shard: number): boolean {
    return this.#isCovered({ level: 0, index: shard });
  }

  /** An array to add into: avoids allocating as many bytes as were received. */
  #reusable({ metaGradient }: TreeNode): Float32Array | undefined {
    // siblings whose sum overflows must be left as they are
    return !this.#finite && this.#own.has(metaGradient) ? metaGradient : undefined;
  }

  #isCovered({ level, index }: NodePlace): boolean {
    for (let place = this.#placeOf(level, index); place > 0; place >>= 1) if (this.#nodes.has(place)) return true;
    return false;
  }

  #removeBelow({ level, index }: TreeNode): void {
    const top = this.#placeOf(level, index);
    if (this.#nodes.size < 2 ** level) {
      for (const place of this.#nodes.keys()) {
        let up = place;
        while (up > top) up >>= 1;
        if (up === top) this.#nodes.delete(place);
      }
      return;
    }
    for (let down = 1; down <= level; down++) {
      for (let below = 0; below < 2 ** down; below++) this.#nodes.delete(top * 2 ** down + below);
    }
  }

  /** Below 2^25, as a run has at most 2^24 shards. */
  #placeOf(level: number, index: number): number {
    return 2 ** (this.#height - level) + index;
  }
}
