/**
 * Nodes of others' shards that a worker computes a second time, and answers with a hash. A copy holds up no round. One that
 * falls more than a round behind leaves out what nobody waits for any more, and replays it from the journal.
 */
import { hashOfNode } from '../../shared/double-computation.js';
import { coverage, type NodePlace } from '../../shared/sum-tree.js';
import type { ComputedWindows, WindowsOrder } from '../held-shards.js';

/** What the copies of a round are computed with. */
export type RoundOrder = Pick<WindowsOrder, 'session' | 'timeline' | 'round' | 'phi'>;

/** A node that is followed. */
export interface Copy {
  /** Tells it from others of its node, before and after. */
  readonly id: number;
  readonly node: NodePlace;
  /** The newest round that it was asked for. */
  readonly newest: number;
  /** Whether a round is being computed. */
  readonly busy: boolean;
  /** The rounds to compute next, one after another: each begins with the state that the one before left. */
  readonly waiting: readonly RoundOrder[];
}

export interface Copies {
  readonly followed: readonly Copy[];
  /** Ids that were given. */
  readonly ids: number;
}

/** A round of a copy that begins now. */
export interface CopyTask {
  copy: number;
  node: NodePlace;
  order: WindowsOrder;
}

/** The copies from now on, and what of them begins. */
export interface CopiesBegun {
  copies: Copies;
  tasks: CopyTask[];
}

export const NO_COPIES: Copies = { followed: [], ids: 0 };

/** From now on these nodes, and no others. One that was followed before goes on. */
export function follow(copies: Copies, nodes: readonly NodePlace[]): Copies {
  const wanted = new Map(nodes.map((node) => [keyOf(node), node]));
  const kept = copies.followed.filter(({ node }) => wanted.delete(keyOf(node)));
  const added = [...wanted.values()].map((node, index): Copy => {
    return { id: copies.ids + index, node, newest: -1, busy: false, waiting: [] };
  });
  return { followed: [...kept, ...added], ids: copies.ids + added.length };
}

/** Follows the same nodes from the start, as if nothing had been computed. */
export function followAnew(copies: Copies): Copies {
  return follow({ ...copies, followed: [] }, nodesOf(copies));
}

/** The nodes that are followed, the oldest first. */
export function nodesOf({ followed }: Copies): NodePlace[] {
  return followed.map(({ node }) => node);
}

/** Asks for a round of every node that was not asked for it; those that are busy compute it later. */
export function beginCopies(copies: Copies, order: RoundOrder): CopiesBegun {
  const { round } = order;
  const tasks: CopyTask[] = [];
  const followed = copies.followed.map((copy): Copy => {
    if (copy.newest >= round) return copy;
    if (copy.busy) {
      const waiting = [...copy.waiting, order].filter((each) => each.round >= round - 1);
      return { ...copy, newest: round, waiting };
    }
    tasks.push(taskOf(copy, order));
    return { ...copy, newest: round, busy: true };
  });
  return { copies: { ...copies, followed }, tasks };
}

/** A copy has computed a round: the next one that waits begins. */
export function endCopy(copies: Copies, id: number): CopiesBegun {
  const tasks: CopyTask[] = [];
  const followed = copies.followed.map((copy): Copy => {
    if (copy.id !== id) return copy;
    const [next, ...waiting] = copy.waiting;
    if (next) tasks.push(taskOf(copy, next));
    return { ...copy, busy: next !== undefined, waiting };
  });
  return { copies: { ...copies, followed }, tasks };
}

/** The hash that answers for a node, of what was computed over its shards. */
export function hashOfCopy({ nodes }: ComputedWindows): string {
  const [whole] = nodes;
  // sums that overflow are kept apart: whoever sent this node as one has added otherwise
  return hashOfNode(nodes.length > 1 ? { ...whole!, metaGradient: new Float32Array(0) } : whole!);
}

function taskOf({ id, node }: Copy, order: RoundOrder): CopyTask {
  const { first, end } = coverage(node, order.session.config.shards);
  const shards = Array.from({ length: end - first }, (_, index) => first + index);
  return { copy: id, node, order: { ...order, shards } };
}

function keyOf({ level, index }: NodePlace): string {
  return `${level}/${index}`;
}
