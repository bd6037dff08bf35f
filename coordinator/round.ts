/** A round that is being computed: which part of its sum is here, and what workers say of its nodes. */
import { hashOfNode } from '../shared/double-computation.js';
import { coverage, type NodePlace, SumTree, type TreeNode } from '../shared/sum-tree.js';
import { type Votes, verdictOf } from './votes.js';

/** A node that came. */
export interface Received {
  worker: string;
  node: TreeNode;
}

/** One that came and is kept, with its hash once somebody asked for it. */
interface Kept extends Received {
  hash?: string;
}

/** What a node or a vote brought. */
export interface Arrival {
  /** Shards that were not in the sum before. */
  shards: number;
  /** What all say of the node, if another worker has computed it, or this one before. */
  compared?: { place: NodePlace; votes: Votes };
  /** Whether a worker sent other bits for a node than it had sent before. */
  contradiction?: boolean;
}

export class OpenRound {
  readonly number: number;
  readonly #shards: number;
  #tree: SumTree;
  /** What came, by the shards that it covers: nodes without a right child have several names. */
  readonly #received = new Map<string, Kept[]>();
  /** Those that the sum is made of. */
  #parts: Received[] = [];
  /** Hashes that came without their node, by the same key and by worker. */
  readonly #hashes = new Map<string, Map<string, string>>();
  /** Windows that were computed again for what is in the sum. */
  replayed = 0;
  /** Whether its sum has been taken. What comes after that is still compared. */
  closed = false;

  /** @param shards S */
  constructor(number: number, shards: number) {
    this.number = number;
    this.#shards = shards;
    this.#tree = new SumTree(shards);
  }

  /** Takes a node. What is in the sum already changes nothing, and is compared. */
  add(worker: string, node: TreeNode): Arrival {
    const key = this.#keyOf(node);
    const before = this.#received.get(key) ?? [];
    const own = before.find((each) => each.worker === worker);
    if (own) return sameNode(own.node, node) ? { shards: 0 } : { shards: 0, contradiction: true };
    this.#received.set(key, [...before, { worker, node }]);
    const isNew = !this.closed && this.#sum({ worker, node });
    const { first, end } = coverage(node, this.#shards);
    const shards = isNew ? end - first : 0;
    const said = this.#hashes.get(key)?.get(worker);
    if (said === undefined) return { shards, ...this.#compare(node) };
    return said === hashOfNode(node) ? { shards } : { shards, contradiction: true };
  }

  /** Takes the hash of a node that a worker has computed. */
  vote(worker: string, place: NodePlace, hash: string): Arrival {
    const key = this.#keyOf(place);
    const hashes = this.#hashes.get(key) ?? new Map<string, string>();
    this.#hashes.set(key, hashes);
    const before = hashes.get(worker);
    if (before !== undefined) return before === hash ? { shards: 0 } : { shards: 0, contradiction: true };
    hashes.set(worker, hash);
    const own = this.#received.get(key)?.find((each) => each.worker === worker);
    if (own) return hash === hashOfNode(own.node) ? { shards: 0 } : { shards: 0, contradiction: true };
    return { shards: 0, ...this.#compare(place) };
  }

  /** What workers say of a node now. */
  votesFor(place: NodePlace): Votes {
    const key = this.#keyOf(place);
    const votes = new Map(this.#hashes.get(key));
    // what a worker has sent counts for more than what it says of it
    for (const kept of this.#received.get(key) ?? []) {
      kept.hash ??= hashOfNode(kept.node);
      votes.set(kept.worker, kept.hash);
    }
    return votes;
  }

  /** Takes everything out that came from a worker; the rest is added up again. */
  withdraw(worker: string): void {
    for (const hashes of this.#hashes.values()) hashes.delete(worker);
    this.#tree = new SumTree(this.#shards);
    this.#parts = [];
    for (const [key, all] of this.#received) {
      const others = all.filter((each) => each.worker !== worker);
      this.#received.set(key, others);
      for (const other of others) this.#sum(other);
    }
  }

  /** The nodes that the sum is made of, and whose they are. */
  get parts(): readonly Received[] {
    return this.#parts;
  }

  /** Whether two workers have computed a node, and all who have agree. */
  isConfirmed(place: NodePlace): boolean {
    const votes = this.votesFor(place);
    return votes.size > 1 && verdictOf(votes).type === 'same';
  }

  /** Whether a shard is in the sum. */
  has(shard: number): boolean {
    return this.#tree.has(shard);
  }

  /** The sum over all shards, once every one is in. */
  get root(): TreeNode | undefined {
    return this.#tree.root;
  }

  /** Adds to the sum; returns false if what is in it covers the node already. */
  #sum(part: Received): boolean {
    if (!this.#tree.add(part.node)) return false;
    const whole = coverage(part.node, this.#shards);
    const isWithin = ({ node }: Received) => {
      const { first, end } = coverage(node, this.#shards);
      return whole.first <= first && end <= whole.end;
    };
    // a leaf has nothing below it
    const others = whole.end - whole.first > 1 ? this.#parts.filter((other) => !isWithin(other)) : this.#parts;
    others.push(part);
    this.#parts = others;
    return true;
  }

  /** Nothing if nobody else has said anything of the node: most are never hashed here. */
  #compare(place: NodePlace): Pick<Arrival, 'compared'> {
    const key = this.#keyOf(place);
    const voters = new Set(this.#hashes.get(key)?.keys());
    for (const { worker } of this.#received.get(key) ?? []) voters.add(worker);
    if (voters.size < 2) return {};
    const { first, end } = coverage(place, this.#shards);
    const level = Math.ceil(Math.log2(end - first));
    return { compared: { place: { level, index: first / 2 ** level }, votes: this.votesFor(place) } };
  }

  #keyOf(place: NodePlace): string {
    const { first, end } = coverage(place, this.#shards);
    return `${first}-${end}`;
  }
}

/** Whether two sums are equal to the last bit. */
function sameNode(a: TreeNode, b: TreeNode): boolean {
  return (
    a.loss === b.loss &&
    a.finalLoss === b.finalLoss &&
    a.healthy === b.healthy &&
    a.problems === b.problems &&
    a.metaGradient.every((value, i) => Object.is(value, b.metaGradient[i]))
  );
}
