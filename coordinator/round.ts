/** A round that is being computed: which part of its sum is here. */
import { SumTree, type TreeNode } from '../shared/sum-tree.js';

export class OpenRound {
  readonly number: number;
  readonly startedAt: number;
  readonly #tree: SumTree;
  readonly #length: number;
  replayed = 0;

  /** @param length of φ; @param startedAt in milliseconds, for the pace alone */
  constructor(number: number, shards: number, length: number, startedAt: number) {
    this.number = number;
    this.startedAt = startedAt;
    this.#tree = new SumTree(shards);
    this.#length = length;
  }

  /** What is wrong with a node, if anything. */
  checkNode({ gradient }: TreeNode): string | undefined {
    if (gradient.length === this.#length) return undefined;
    return `its result for round ${this.number} must have ${this.#length} entries, got ${gradient.length}`;
  }

  /** Adds a node; a duplicate changes nothing. Returns whether the round's sum is complete. */
  add(node: TreeNode): boolean {
    this.#tree.add(node);
    return this.#tree.root !== undefined;
  }

  get root(): TreeNode | undefined {
    return this.#tree.root;
  }
}
