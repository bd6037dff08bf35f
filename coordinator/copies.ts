/** Which worker computes which node a second time: the seeded share of the shards, and what a third one is to decide. */
import { randomInt } from 'node:crypto';
import { EVERYTHING, isDoubled } from '../shared/double-computation.js';
import type { ShardRange } from '../shared/messages.js';
import { coverage, type NodePlace } from '../shared/sum-tree.js';
import type { Member } from './roster.js';

/** What decides which shards are computed twice. */
export interface CopiesOptions {
  config: { seed: number; member: number; shards: number };
  /** @default DOUBLED_SHARE */
  share?: number | undefined;
  /**
   * An integer from 0 to below a bound, which no worker can foresee: who judges others must not be able to bring it about,
   * as by a claim to many threads. It decides who computes, and never what. @default random
   */
  draw?: ((bound: number) => number) | undefined;
}

/** A node that one more worker computes. */
interface Copy {
  node: NodePlace;
  /** Workers that have answered already. */
  voters: ReadonlySet<string>;
  /** Who computes it; undefined while nobody can. */
  worker: string | undefined;
}

export class Copies {
  readonly #options: CopiesOptions;
  /** The episode of every shard. */
  readonly #episodes = new Map<number, number>();
  /** Of these episodes, by shard. */
  readonly #doubled = new Map<number, Copy>();
  /** If everything is computed twice, the nodes of all members' shards. */
  #mirrored = new Map<string, Copy>();
  /** What is to be decided, by node. */
  readonly #questions = new Map<string, Copy>();

  constructor(options: CopiesOptions) {
    this.#options = options;
  }

  /**
   * A round begins. A shard that is in another episode now is computed twice in it, or not any more. Returns whether these
   * are other copies than before.
   */
  begin(episodeOf: (shard: number) => number): boolean {
    const { config, share } = this.#options;
    if (share === EVERYTHING) return false;
    let changed = false;
    for (let shard = 0; shard < config.shards; shard++) {
      const episode = episodeOf(shard);
      if (episode === this.#episodes.get(shard)) continue;
      this.#episodes.set(shard, episode);
      if (this.#doubled.delete(shard)) changed = true;
      if (!isDoubled(config, shard, episode, share)) continue;
      this.#doubled.set(shard, { node: { level: 0, index: shard }, voters: new Set(), worker: undefined });
      changed = true;
    }
    return changed;
  }

  /** A worker other than the voters is to compute a node. */
  ask({ level, index }: NodePlace, voters: Iterable<string>): void {
    const node = { level, index };
    const worker = this.asked(node);
    this.#questions.set(keyOf(node), { node, voters: new Set(voters), worker });
  }

  /** Who is asked about a node. */
  asked(node: NodePlace): string | undefined {
    return (this.#questions.get(keyOf(node)) ?? this.#mirrored.get(keyOf(node)))?.worker;
  }

  /** A node is decided. */
  settle(node: NodePlace): void {
    this.#questions.delete(keyOf(node));
  }

  /**
   * Gives each copy to a member that neither advances the node's shards nor has answered: those of the seeded share to the
   * least loaded one, the others to any. What a member computes already stays with it. Returns the members whose copies are others now.
   */
  assign(members: readonly Member[]): Member[] {
    const before = members.map(({ copies }) => JSON.stringify(copies));
    const loads = new Map(members.map((member) => [member, loadOf(member)]));
    const given = new Map<Member, NodePlace[]>(members.map((member) => [member, []]));
    this.#mirror(members);
    const { draw = randomInt } = this.#options;
    const judged = [...this.#questions.values(), ...this.#mirrored.values()];
    for (const copy of [...judged, ...this.#doubled.values()]) {
      const able = members.filter((member) => this.#isOther(member, copy));
      const chosen = () =>
        judged.includes(copy) && able.length > 0 ? able[draw(able.length)] : lightest(able, loads, copy.node.index);
      const member = able.find(({ id }) => id === copy.worker) ?? chosen();
      copy.worker = member?.id;
      if (!member) continue;
      const nodes = given.get(member)!;
      if (!nodes.some((node) => keyOf(node) === keyOf(copy.node))) nodes.push(copy.node);
      const { first, end } = coverage(copy.node, this.#options.config.shards);
      loads.set(member, loads.get(member)! + (end - first) / member.threads);
    }
    for (const [member, copies] of given) member.copies = copies;
    return members.filter(({ copies }, index) => JSON.stringify(copies) !== before[index]);
  }

  /** If everything is computed twice: the nodes of the members' shards now. Those that stay keep their worker. */
  #mirror(members: readonly Member[]): void {
    const { config, share } = this.#options;
    if (share !== EVERYTHING) return;
    const before = this.#mirrored;
    this.#mirrored = new Map();
    for (const range of members.flatMap(({ ranges }) => ranges)) {
      for (const node of nodesOver(range, config.shards)) {
        const key = keyOf(node);
        this.#mirrored.set(key, before.get(key) ?? { node, voters: new Set(), worker: undefined });
      }
    }
  }

  #isOther({ id, ranges }: Member, { node, voters }: Copy): boolean {
    if (voters.size > 0) return !voters.has(id);
    const { first, end } = coverage(node, this.#options.config.shards);
    return ranges.every((range) => range.end <= first || end <= range.first);
  }
}

/** Shards that a thread of the member advances. */
function loadOf({ ranges, threads }: Member): number {
  return ranges.reduce((sum, { first, end }) => sum + end - first, 0) / threads;
}

/** The member with the least to do; of several, each in turn. */
function lightest(members: readonly Member[], loads: ReadonlyMap<Member, number>, turn: number): Member | undefined {
  const least = Math.min(...members.map((member) => loads.get(member)!));
  const lightest = members.filter((member) => loads.get(member) === least);
  return lightest[turn % lightest.length];
}

/** The largest nodes of the sum tree that make up a range. */
export function nodesOver({ first, end }: ShardRange, shards: number): NodePlace[] {
  const nodes: NodePlace[] = [];
  for (let at = first; at < end; ) {
    let level = 0;
    while (isWithin({ level: level + 1, index: at / 2 ** (level + 1) }, end, shards)) level += 1;
    const node = { level, index: at / 2 ** level };
    nodes.push(node);
    at = coverage(node, shards).end;
  }
  return nodes;
}

/** Whether a place is a node's, covers more than the node below it, and no shard from `end` on. */
function isWithin(place: NodePlace, end: number, shards: number): boolean {
  const { index, level } = place;
  if (!Number.isInteger(index)) return false;
  const below = coverage({ level: level - 1, index: 2 * index }, shards);
  const covered = coverage(place, shards);
  return covered.end <= end && covered.end > below.end;
}

function keyOf({ level, index }: NodePlace): string {
  return `${level}/${index}`;
}
