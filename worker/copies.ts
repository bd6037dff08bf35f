/** Nodes of others' shards that a worker computes a second time, and answers with a hash. */
import { hashOfNode } from '../shared/double-computation.js';
import { coverage, type NodePlace } from '../shared/sum-tree.js';
import { HeldShards, type HeldShardsOptions, type WindowsOrder } from './held-shards.js';

/** What the copies of a round are computed for. */
export type CopiesOrder = Pick<WindowsOrder, 'session' | 'timeline' | 'round' | 'phi'>;

/** A node that is followed. */
interface Copy {
  readonly node: NodePlace;
  readonly held: HeldShards;
  /** The newest round that it was asked for. */
  newest: number;
  /** The rounds are computed one after another: each begins with the state that the one before left. */
  last: Promise<void>;
}

/**
 * A copy is begun after the worker's own shards and holds up no round. One that falls more than a round behind leaves out
 * what nobody waits for any more, and replays it from the journal.
 */
export class Copies {
  readonly #options: HeldShardsOptions;
  readonly #copies = new Map<string, Copy>();

  constructor(options: HeldShardsOptions) {
    this.#options = options;
  }

  get nodes(): readonly NodePlace[] {
    return [...this.#copies.values()].map(({ node }) => node);
  }

  /** From now on these nodes, and no others. */
  follow(nodes: readonly NodePlace[]): void {
    const keys = new Set(nodes.map(keyOf));
    for (const key of this.#copies.keys()) if (!keys.has(key)) this.#copies.delete(key);
    for (const node of nodes) {
      if (this.#copies.has(keyOf(node))) continue;
      const held = new HeldShards(this.#options);
      this.#copies.set(keyOf(node), { node, held, newest: -1, last: Promise.resolve() });
    }
  }

  /** Computes a round of every node that has not begun it; tells each one's hash as it comes. */
  async compute(order: CopiesOrder, onHash: (node: NodePlace, hash: string) => void): Promise<void> {
    const begun = [...this.#copies.values()].filter(({ newest }) => newest < order.round);
    await Promise.all(
      begun.map((copy) => {
        copy.newest = order.round;
        copy.last = copy.last.then(async () => {
          if (this.#options.isOver() || copy.newest > order.round + 1) return;
          if (this.#copies.get(keyOf(copy.node)) !== copy) return;
          onHash(copy.node, await hashOf(copy, order));
        });
        return copy.last;
      }),
    );
  }
}

async function hashOf({ node, held }: Copy, order: CopiesOrder): Promise<string> {
  const { shards: count } = order.session.config;
  const { first, end } = coverage(node, count);
  const shards = Array.from({ length: end - first }, (_, index) => first + index);
  const { nodes } = await held.compute({ ...order, shards });
  const [whole] = nodes;
  // sums that overflow are kept apart: whoever sent this node as one has added otherwise
  if (nodes.length > 1) return hashOfNode({ ...whole!, metaGradient: new Float32Array(0) });
  return hashOfNode(whole!);
}

function keyOf({ level, index }: NodePlace): string {
  return `${level}/${index}`;
}
