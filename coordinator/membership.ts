/**
 * Who may join, who is gone, who is late: decides which worker computes what, and never what is computed. What happens
 * goes in with the time in seconds of a clock that only goes forward, and actions come out.
 */
import type { Address } from '../shared/bus/bus.js';
import type { HeartbeatMessage, HelloMessage, PhiMessage } from '../shared/messages.js';
import type { NodePlace } from '../shared/sum-tree.js';
import type { Timeline } from '../shared/timeline.js';
import type { Action, Reassignment } from './actions.js';
import { Admission, bitsOf } from './admission.js';
import { Copies, type CopiesOptions } from './copies.js';
import type { DeadlineOptions } from './deadlines.js';
import { Expectations, type RoundInProgress } from './expectations.js';
import { Orders } from './orders.js';
import { Presence } from './presence.js';
import { type Member, Roster, sizeOf } from './roster.js';

export interface MembershipOptions {
  digest: string;
  config: CopiesOptions['config'];
  term: number;
  /** Of the engine that computes the run; null until a result has counted. */
  fingerprint: string | null;
  /** The keys of the workers that may join, by name. @default any worker may join */
  listed?: ReadonlyMap<string, string> | undefined;
  /** Share of the shards that two workers compute. @default DOUBLED_SHARE */
  doubledShare?: number | undefined;
  /** Chooses who checks others. @default at random */
  draw?: CopiesOptions['draw'];
  deadlines?: DeadlineOptions | undefined;
  /** Seconds without a heartbeat after which a worker counts as gone. @default 5 */
  silence?: number | undefined;
}

/** A worker that was late has half the weight, down to an eighth, and regains it in the episodes that follow. */
const LEAST_WEIGHT = 1 / 8;
const REGAIN = 1.25;

/** Workers answer every announcement, and those come every second: so many seconds later one that has not is gone. */
const ANSWERED = 2.5;

/** A worker that waits for its name to be free. */
interface Claim {
  hello: HelloMessage;
  from: Address;
  at: number;
}

export class Membership {
  readonly #term: number;
  readonly #admission: Admission;
  readonly #presence: Presence;
  readonly #roster: Roster;
  readonly #expectations: Expectations;
  readonly #copies: Copies;
  readonly #orders: Orders;
  /** Workers that have the name of a member and another key, by name. */
  readonly #claims = new Map<string, Claim>();
  /** The open one, or the last one; 0 before the first. */
  #round = 0;
  /** What starts the windows of the open round; undefined once none is to be started any more. */
  #phi: PhiMessage | undefined;

  constructor(options: MembershipOptions) {
    const { config, term, doubledShare, draw, deadlines, silence } = options;
    this.#term = term;
    this.#admission = new Admission(options);
    this.#presence = new Presence(silence);
    this.#roster = new Roster(config.shards);
    this.#roster.apart = this.#admission.fingerprint === null;
    this.#expectations = new Expectations(deadlines);
    this.#copies = new Copies({ config, share: doubledShare, draw });
    this.#orders = new Orders(config.shards);
  }

  get members(): readonly Member[] {
    return this.#roster.members;
  }

  get size(): number {
    return this.#roster.size;
  }

  has(worker: string): boolean {
    return this.#roster.get(worker) !== undefined;
  }

  /** The member of a name that is reached at an address; undefined if that is not there. */
  memberAt(worker: string, from: Address): Member | undefined {
    const member = this.#roster.get(worker);
    return member?.address === from ? member : undefined;
  }

  /** Whether a worker was ordered to advance the shards of a node in a round. */
  advances({ address }: Member, round: number, node: NodePlace): boolean {
    return this.#orders.advances(address, round, node);
  }

  /** Whether a worker was ordered to answer with the hash of a node in a round. */
  votesOn({ address }: Member, round: number, node: NodePlace): boolean {
    // a shard's own worker hashes its leaf if another one copies it
    const isLeaf = node.level === 0 && this.#orders.advances(address, round, node);
    return isLeaf || this.#orders.copies(address, round, node);
  }

  /** A member's result counts: from now on its engine is the run's, and workers of others are sent away. */
  settleEngine({ fingerprint }: Member, now: number): Action[] {
    if (this.#admission.fingerprint !== null) return [];
    this.#admission.fix(fingerprint);
    const others = this.members.filter((member) => member.fingerprint !== fingerprint);
    const actions = others.flatMap((member) => {
      const reason = bitsOf(member.fingerprint, fingerprint);
      return [...this.#refuse(member.id, member.address, reason), ...this.leave(member.id, 'left', now)];
    });
    this.#roster.apart = false;
    return [...actions, ...this.#tell(this.#assignCopies(new Set()))];
  }

  /** Of the engine of the run; null before its first result. */
  get fingerprint(): string | null {
    return this.#admission.fingerprint;
  }

  /**
   * A worker wants to join. One that is here already is told its order again. One that has the name of a member, and another
   * key, waits: it may be that member, started again, or somebody who only says so.
   * @param from where it is reached; on a bus within a process by its name
   */
  welcome(hello: HelloMessage, now: number, from: Address = hello.worker): Action[] {
    const { worker, incarnation } = hello;
    const known = this.#roster.get(worker);
    if (known?.address === from && known.incarnation === incarnation) {
      this.#presence.saw(worker, now);
      return this.#tell([known]);
    }
    const reason = this.#admission.refusal(hello, from);
    if (reason !== undefined) return this.#refuse(worker, from, reason);
    if (known && known.address !== from) {
      // the first one that waits, from when it began to
      if (!this.#claims.has(worker)) this.#claims.set(worker, { hello, from, at: now });
      // if nobody is there any more, the bus says so
      return [this.#order(known)];
    }
    const changed = new Set<Member>();
    // it has come back itself
    this.#claims.delete(worker);
    const actions = known ? this.#remove(worker, 'left', now, changed) : [];
    this.#add(hello, now, from, changed);
    return [...actions, ...this.#tell(changed)];
  }

  /** A worker lives. One that is not known, or knows another order than it was given, is told again. */
  alive(heartbeat: HeartbeatMessage, now: number, from: Address = heartbeat.worker): Action[] {
    const { worker, incarnation, ranges, copies } = heartbeat;
    const member = this.#roster.get(worker);
    if (member?.incarnation !== incarnation || member.address !== from) {
      return [{ type: 'send', worker: from, message: { type: 'rejoin' } }];
    }
    this.#presence.saw(worker, now);
    const claim = this.#claims.get(worker);
    this.#claims.delete(worker);
    const taken = 'another worker of its name works for the run; --name gives it another';
    const refused = claim ? this.#refuse(worker, claim.from, taken) : [];
    const isTold = orderText(ranges, copies) === orderText(member.ranges, member.copies);
    return isTold ? refused : [...refused, this.#order(member)];
  }

  /** A worker is gone: others compute its shards. */
  leave(worker: string, why: Exclude<Reassignment, 'late'>, now: number): Action[] {
    const changed = new Set<Member>();
    const actions = this.#remove(worker, why, now, changed);
    return [...actions, ...this.#tell(changed)];
  }

  /** A worker computes wrongly: it is out of the run, whatever it is started as. */
  ban(worker: string, reason: string, now: number): Action[] {
    const address = this.#roster.get(worker)?.address ?? worker;
    this.#admission.ban(worker, address, reason);
    return [refusal(worker, address, reason), ...this.leave(worker, 'banned', now)];
  }

  /** Has a node computed by one who has not voted on it. */
  ask(node: NodePlace, voters: Iterable<string>): Action[] {
    this.#copies.ask(node, voters);
    return this.#tell(this.#assignCopies(new Set()));
  }

  /** Who was asked about a node; undefined if there is nobody. */
  asked(node: NodePlace): string | undefined {
    return this.#copies.asked(node);
  }

  /** Nobody needs to compute a node that was asked about any more. */
  settle(node: NodePlace): Action[] {
    this.#copies.settle(node);
    return this.#tell(this.#assignCopies(new Set()));
  }

  /**
   * A round begins, with the φ that all are told now. At the start of an episode the shards are shared out anew; if
   * shards are staggered, at that of the first one, and what moves then is replayed.
   */
  open(round: RoundInProgress, timeline: Timeline, phi: PhiMessage, now: number): Action[] {
    this.#round = round.number;
    this.#expectations.open(round, timeline);
    this.#phi = phi;
    const changed = new Set<Member>();
    const otherCopies = this.#copies.begin((shard) => timeline.placeOf(round.number, shard).episode);
    const isEpisodeStart = timeline.placeOf(round.number, 0).window === 0;
    if (isEpisodeStart) {
      for (const member of this.members) member.weight = Math.min(member.threads, member.weight * REGAIN);
      for (const member of this.#roster.rebalance()) changed.add(member);
    }
    if (isEpisodeStart || otherCopies) this.#assignCopies(changed);
    for (const member of this.members) this.#expectations.expect(member, now);
    this.#orders.open(round.number, this.members);
    return [...[...changed].map((member) => this.#order(member)), { type: 'broadcast', message: phi }];
  }

  /** No round follows the last one. */
  rest(): void {
    this.#phi = undefined;
  }

  /** The open round's φ for all, who may have missed it. */
  repeat(): Action[] {
    return this.#phi ? [{ type: 'broadcast', message: this.#phi }] : [];
  }

  /** So many shards of the open round came from a worker. */
  received(worker: string, shards: number, now: number): void {
    this.#expectations.received(worker, shards, now);
  }

  /** When the next part of the open round is due, however late a worker may be; undefined if none is expected. */
  get nextDueAt(): number | undefined {
    return this.#expectations.nextDueAt(this.members);
  }

  /** Some time has gone by: others take over from workers that are silent or late. */
  tick(now: number): Action[] {
    const silent = this.#presence.silent(now);
    if (!silent) return [];
    const changed = new Set<Member>();
    const actions: Action[] = [];
    for (const worker of silent) {
      const sentence = `Worker ${worker} is silent: its shards go to others`;
      actions.push({ type: 'say', level: 'warn', sentence, about: { worker } });
      actions.push(...this.#remove(worker, 'silent', now, changed));
    }
    for (const [worker, { at }] of this.#claims) {
      // a member that lives answers the next announcement
      if (this.#presence.seenAt(worker) < at && now - at > ANSWERED)
        actions.push(...this.#remove(worker, 'silent', now, changed));
    }
    actions.push(...this.#relieveLate(now, changed));
    return [...actions, ...this.#tell(changed)];
  }

  #relieveLate(now: number, changed: Set<Member>): Action[] {
    const late = this.#expectations.late(this.members, now);
    const others = this.members.filter((member) => !late.includes(member));
    if (others.length === 0) return [];
    const actions: Action[] = [];
    for (const member of late) {
      const { id: worker } = member;
      const sentence = `Worker ${worker} is late: its shards go to others`;
      member.weight = Math.max(member.weight / 2, member.threads * LEAST_WEIGHT);
      this.#moved(this.#roster.relieve(worker, others), now, changed);
      this.#expectations.forget(worker);
      actions.push({ type: 'say', level: 'warn', sentence, about: { worker } }, this.#order(member), {
        type: 'tell-reassigned',
        worker,
        why: 'late',
      });
    }
    this.#assignCopies(changed);
    return actions;
  }

  /** Gives what a worker had to others, which are added to those that have changed. */
  #remove(worker: string, why: Reassignment, now: number, changed: Set<Member>): Action[] {
    const had = sizeOf(this.#roster.get(worker)?.ranges ?? []);
    this.#moved(this.#roster.remove(worker), now, changed);
    this.#presence.forget(worker);
    this.#expectations.forget(worker);
    this.#assignCopies(changed);
    const claim = this.#claims.get(worker);
    this.#claims.delete(worker);
    if (claim && this.#admission.refusal(claim.hello, claim.from) === undefined) {
      this.#add(claim.hello, now, claim.from, changed);
    }
    return had > 0 ? [{ type: 'tell-reassigned', worker, why }] : [];
  }

  /** A worker is a member, and one of those that have changed. */
  #add(
    { worker: id, incarnation, threads, fingerprint }: HelloMessage,
    now: number,
    address: Address,
    changed: Set<Member>,
  ): void {
    this.#presence.saw(id, now);
    const member = this.#roster.add({ id, address, fingerprint, incarnation, threads });
    this.#expectations.expect(member, now);
    changed.add(member);
    this.#assignCopies(changed);
  }

  #refuse(worker: string, from: Address, reason: string): Action[] {
    const sentence = `Worker ${worker} is refused: ${reason}`;
    const about = { worker };
    return [{ type: 'say', level: 'warn', sentence, about, sparingly: true }, refusal(worker, from, reason)];
  }

  /** Members have more to do in the middle of an episode. */
  #moved(members: readonly Member[], now: number, changed: Set<Member>): void {
    for (const member of members) {
      this.#expectations.expect(member, now, true);
      changed.add(member);
    }
  }

  /** Shares the copies out anew, as far as those who computed them cannot any more. */
  #assignCopies(changed: Set<Member>): Set<Member> {
    // between engines there is nothing to compare
    if (new Set(this.members.map(({ fingerprint }) => fingerprint)).size > 1) return changed;
    for (const member of this.#copies.assign(this.members)) changed.add(member);
    return changed;
  }

  /** Orders for members that compute other things now, and the φ that starts them. */
  #tell(changed: Iterable<Member>): Action[] {
    const members = [...changed].filter((member) => this.#roster.get(member.id) === member);
    const orders = members.map((member) => this.#order(member));
    const phi = this.#phi;
    if (!phi) return orders;
    return [...orders, ...members.map(({ address }): Action => ({ type: 'send', worker: address, message: phi }))];
  }

  #order(member: Member): Action {
    const { address, ranges, copies } = member;
    this.#orders.add(member);
    const message = { type: 'order', term: this.#term, round: this.#round, ranges, copies } as const;
    return { type: 'send', worker: address, message };
  }
}

/** An order as text; copies are told in another order than they are followed in. */
function orderText(ranges: HeartbeatMessage['ranges'], copies: HeartbeatMessage['copies']): string {
  return JSON.stringify([ranges, copies.map(({ level, index }) => `${level}/${index}`).sort()]);
}

function refusal(worker: string, from: Address, reason: string): Action {
  return { type: 'send', worker: from, message: { type: 'refuse', worker, reason } };
}
