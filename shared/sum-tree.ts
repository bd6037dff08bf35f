/**
 * The fixed binary tree over shard index by which everything is summed: floating-point addition is not associative, so
 * the bits of a sum are those of one tree, whoever adds which part of it.
 *
 * A node (level l, index i) covers the shards [i·2^l, (i+1)·2^l) ∩ [0, S). One without a right child passes its left one on.
 */

/** Which node of the tree. */
export interface NodePlace {
  level: number;
  index: number;
}

/** A sum over the shards of one node. */
export interface TreeNode extends NodePlace {
  /** Σ dL/dφ, one float32 add for each inner node. */
  gradient: Float32Array;
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

function keyOf(level: number, index: number): string {
  return `${level}/${index}`;
}

/** Left plus right, in this order. */
function addNodes(left: TreeNode, right: TreeNode): TreeNode {
  const gradient = new Float32Array(left.gradient.length);
  // two float32 values added in double and rounded once are the float32 sum
  for (let i = 0; i < gradient.length; i++) gradient[i] = left.gradient[i]! + right.gradient[i]!;
  return {
    level: left.level + 1,
    index: left.index >> 1,
    gradient,
    loss: left.loss + right.loss,
    finalLoss: left.finalLoss + right.finalLoss,
    healthy: left.healthy + right.healthy,
    problems: left.problems + right.problems,
  };
}

function isFiniteNode(node: TreeNode): boolean {
  return node.gradient.every(Number.isFinite) && Number.isFinite(node.loss) && Number.isFinite(node.finalLoss);
}

/** How a tree adds. */
export interface SumTreeOptions {
  /**
   * Whether siblings whose sum overflows are kept apart, so that every node of `nodes()` is finite where those that came
   * in were: what is sent must be finite, and the receiver's tree makes the same sum. @default false
   */
  finite?: boolean;
}

/** Collects nodes in any order and adds siblings as they meet. */
export class SumTree {
  readonly #shards: number;
  readonly #height: number;
  readonly #finite: boolean;
  readonly #nodes = new Map<string, TreeNode>();

  /** @param shards S, at least 1 */
  constructor(shards: number, { finite = false }: SumTreeOptions = {}) {
    this.#shards = shards;
    this.#height = Math.ceil(Math.log2(shards));
    this.#finite = finite;
  }

  /** Adds a node; returns false, and changes nothing, where a node that is here already covers it. */
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
      const siblingKey = keyOf(current.level, siblingIndex);
      const sibling = this.#nodes.get(siblingKey);
      if (!sibling) break;
      const sum = isLeft ? addNodes(current, sibling) : addNodes(sibling, current);
      if (this.#finite && !isFiniteNode(sum)) break;
      this.#nodes.delete(siblingKey);
      current = sum;
    }
    this.#nodes.set(keyOf(current.level, current.index), current);
    return true;
  }

  /** The sum over all shards, once every one is in. */
  get root(): TreeNode | undefined {
    return this.#nodes.get(keyOf(this.#height, 0));
  }

  /** The largest complete nodes, by shard. */
  nodes(): TreeNode[] {
    return [...this.#nodes.values()].sort((a, b) => a.index * 2 ** a.level - b.index * 2 ** b.level);
  }

  /** Whether a shard is in the sum. */
  has(shard: number): boolean {
    return this.#isCovered({ level: 0, index: shard });
  }

  #isCovered({ level, index }: NodePlace): boolean {
    for (let up = 0; level + up <= this.#height; up++) {
      if (this.#nodes.has(keyOf(level + up, index >> up))) return true;
    }
    return false;
  }

  #removeBelow(node: TreeNode): void {
    const { first, end } = coverage(node, this.#shards);
    for (const [key, other] of this.#nodes) {
      const inner = coverage(other, this.#shards);
      if (first <= inner.first && inner.end <= end) this.#nodes.delete(key);
    }
  }
}
