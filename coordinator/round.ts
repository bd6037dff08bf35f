/** A round that is being computed: which part of its sum is here. */
import { InconsistencyError } from '../shared/errors.js';
import { coverage, SumTree, type TreeNode } from '../shared/sum-tree.js';

export class OpenRound {
  readonly number: number;
  readonly startedAt: number;
  readonly #tree: SumTree;
  readonly #shards: number;
  readonly #length: number;
  /** What came from whom, by node. */
  readonly #received = new Map<string, { worker: string; node: TreeNode }>();
  replayed = 0;
  /** Nodes that came from two workers, and were equal to the last bit. */
  duplicates = 0;

  /** @param length of φ; @param startedAt in milliseconds, for the pace alone */
  constructor(number: number, shards: number, length: number, startedAt: number) {
    this.number = number;
    this.startedAt = startedAt;
    this.#shards = shards;
    this.#tree = new SumTree(shards);
    this.#length = length;
  }

  /** What is wrong with a node, if anything. */
  checkNode({ level, index, gradient, healthy, problems, loss, finalLoss }: TreeNode): string | undefined {
    const task = `its result for round ${this.number}`;
    const { first, end } = coverage({ level, index }, this.#shards);
    const counts = [level, index, healthy, problems];
    if (!counts.every((count) => Number.isSafeInteger(count) && count >= 0) || first >= end || healthy > problems) {
      return `${task} must be of a node over shards 0 to ${this.#shards - 1}, got level ${level}, index ${index}`;
    }
    if (gradient.length !== this.#length) {
      return `${task} must have ${this.#length} entries, got ${gradient.length}`;
    }
    // a worker sends zeros for a shard that went bad, and keeps apart what overflows when it is added
    if (![loss, finalLoss].every(Number.isFinite) || !gradient.every(Number.isFinite)) {
      return `${task}, node ${level}/${index}, must be finite`;
    }
    return undefined;
  }

  /**
   * Adds a node. Returns the shards that it brought: 0 for a duplicate, which changes nothing. Throws InconsistencyError
   * where the same node came before with other bits: one of the two workers computes wrongly.
   */
  add(worker: string, node: TreeNode): number {
    const key = `${node.level}/${node.index}`;
    const earlier = this.#received.get(key);
    if (earlier) {
      if (sameNode(earlier.node, node)) {
        // what one worker sends again says nothing of the other's arithmetic
        if (earlier.worker !== worker) this.duplicates += 1;
        return 0;
      }
      throw new InconsistencyError(
        `Cannot go on with round ${this.number}: workers ${earlier.worker} and ${worker} sent other bits for node ${key}`,
      );
    }
    this.#received.set(key, { worker, node });
    if (!this.#tree.add(node)) return 0;
    const { first, end } = coverage(node, this.#shards);
    return end - first;
  }

  /** Whether a shard is in the sum. */
  has(shard: number): boolean {
    return this.#tree.has(shard);
  }

  /** The sum over all shards, once every one is in. */
  get root(): TreeNode | undefined {
    return this.#tree.root;
  }
}

/** Whether two sums are equal to the last bit. */
function sameNode(a: TreeNode, b: TreeNode): boolean {
  return (
    a.loss === b.loss &&
    a.finalLoss === b.finalLoss &&
    a.healthy === b.healthy &&
    a.problems === b.problems &&
    a.gradient.every((value, i) => Object.is(value, b.gradient[i]))
  );
}
