/**
 * What the coordinator decides when something happens while rounds are open: who computes what, whose results count, when
 * a round's sum is complete, when the run cannot go on. What happens goes in, with the time in seconds of a clock that only
 * goes forward, and actions come out. φ itself is the learner's: none of its bits depend on what is decided here.
 */
import type { Address } from '../shared/bus/bus.js';
import { partsOf } from '../shared/bus/seals.js';
import type { RunConfig } from '../shared/config.js';
import { DOUBLED_SHARE, EVERYTHING } from '../shared/double-computation.js';
import { LoptError } from '../shared/errors.js';
import type {
  EvaluationMessage,
  GoodbyeMessage,
  PhiMessage,
  ResultMessage,
  ToCoordinator,
  VoteMessage,
} from '../shared/messages.js';
import { timelineAt } from '../shared/timeline.js';
import type { Action } from './actions.js';
import { CrossCheck } from './cross-check.js';
import { heldOutChunks } from './evaluation.js';
import { Evaluations } from './evaluations.js';
import { GradientScale } from './gradient-scale.js';
import type { LearnerState } from './learner.js';
import { Membership, type MembershipOptions } from './membership.js';
import type { EvaluatedPhi } from './open-evaluation.js';
import type { Member } from './roster.js';
import { OpenRound, type Received } from './round.js';

/** When a worker, or its part, counts as late or gone. All times are in seconds. */
export type Patience = Pick<MembershipOptions, 'deadlines' | 'silence'> & {
  /** Without a new chunk for so long, an evaluation's missing ones are ordered again. @default 10 */
  evaluation?: number | undefined;
  /** Without any worker for so long, the run ends with an error. @default no end */
  worker?: number | undefined;
  /** A run that is told to stop waits for so long for what is not a part of its open round. @default 10 */
  stop?: number | undefined;
};

export interface DispatcherOptions {
  run: string;
  config: RunConfig;
  digest: string;
  term: number;
  /** What the run goes on from. */
  state: Pick<LearnerState, 'round' | 'grown' | 'fingerprint'>;
  /** Whether the error of the last worker ends the run, which otherwise waits for another one. */
  failWithLastWorker?: boolean | undefined;
  /** Names this process among all that coordinate the run. */
  coordinator: string;
  /** Share of the shards that two workers compute. @default DOUBLED_SHARE */
  doubledShare?: number | undefined;
  /** The keys of the workers that may join, by name. @default any worker may join */
  listed?: ReadonlyMap<string, string> | undefined;
  /** Norms of the averaged meta-gradients of the last rounds. @default none yet */
  norms?: readonly number[] | undefined;
  patience?: Patience | undefined;
}

export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #membership: Membership;
  readonly #crossCheck: CrossCheck;
  readonly #evaluations: Evaluations;
  readonly #scale: GradientScale;
  #open: OpenRound | undefined;
  /** Of the φ that was sent last, which is not the newest once no round follows; before the first, what the run goes on from. */
  #sent: Pick<PhiMessage, 'round' | 'grown'>;
  /** Since when there is no worker. */
  #aloneSince: number | undefined;
  #isStopping = false;
  /** When it was first looked at whether what is waited for still comes; undefined while the run goes on. */
  #stoppingSince: number | undefined;

  constructor(options: DispatcherOptions) {
    const { config, digest, term, state, doubledShare, listed, norms, patience } = options;
    const { fingerprint, round, grown } = state;
    const { deadlines, silence, evaluation } = patience ?? {};
    this.#options = options;
    this.#sent = { round, grown };
    this.#membership = new Membership({ digest, config, term, fingerprint, listed, doubledShare, deadlines, silence });
    this.#crossCheck = new CrossCheck(this.#membership, doubledShare === EVERYTHING);
    const chunks = heldOutChunks(config);
    this.#evaluations = new Evaluations({ term, config, chunks, doubledShare, patience: evaluation });
    this.#scale = new GradientScale(config.shards, norms);
  }

  /** Who works on the run now. */
  get members(): readonly Member[] {
    return this.#membership.members;
  }

  /** Whether a worker of the run is reached at an address. */
  isMember(address: Address): boolean {
    return this.#membership.memberAt(partsOf(address).worker, address) !== undefined;
  }

  /** Of the engine of the run; null before its first result. */
  get fingerprint(): string | null {
    return this.#membership.fingerprint;
  }

  /** Nodes that two workers computed, and that were found equal since this was last asked. */
  takeCompared(): number {
    return this.#crossCheck.takeCompared();
  }

  /** φ_n is there, and round n + 1 begins. */
  open({ round: before, grown, phi }: Pick<LearnerState, 'round' | 'grown' | 'phi'>, now: number): Action[] {
    const { config, term } = this.#options;
    const round = new OpenRound(before + 1, config.shards);
    const message: PhiMessage = { type: 'phi', term, round: before, grown, phi: new Float32Array(phi) };
    this.#open = round;
    this.#sent = { round: before, grown };
    this.#crossCheck.open(round);
    return this.#membership.open(round, timelineAt(config, grown), message, now);
  }

  /** No round follows the last one: from now on workers only evaluate. */
  rest(): void {
    this.#membership.rest();
  }

  /** A φ is to be evaluated; it is ordered once. */
  evaluate(phi: EvaluatedPhi, now: number): Action[] {
    return this.#evaluations.begin(phi, this.members, now);
  }

  /** It is time to say that the run is there. */
  announce(): Action[] {
    const { run, term, config, digest, coordinator, doubledShare: doubleCheck = DOUBLED_SHARE } = this.#options;
    const { round, grown = [] } = this.#sent;
    const head = { type: 'announce', run, term, round, grown } as const;
    return [{ type: 'broadcast', message: { ...head, config, digest, coordinator, doubleCheck } }];
  }

  /** The bus was cut off: says again what was lost meanwhile. */
  reconnected(): Action[] {
    return [...this.announce(), ...this.#membership.repeat(), ...this.#evaluations.orderAll(this.members)];
  }

  /**
   * A message came, which the bus has checked.
   * @param from the address that it came from; on a bus within a process the worker's name
   */
  receive(message: ToCoordinator, now: number, from: Address = message.worker): Action[] {
    if (message.type === 'hello') {
      const before = this.members;
      const actions = this.#membership.welcome(message, now, from);
      const isSame = before.length === this.members.length && before.every((member, i) => member === this.members[i]);
      return isSame ? actions : [...actions, ...this.#evaluations.orderAll(this.members)];
    }
    if (message.type === 'heartbeat') return this.#membership.alive(message, now, from);
    const member = this.#membership.memberAt(message.worker, from);
    if (message.type === 'goodbye') return this.#dismiss(message, member, now);
    if (!member || message.digest !== this.#options.digest) return [];
    switch (message.type) {
      case 'result':
        return this.#take(message, member, now);
      case 'vote':
        return this.#count(message, member, now);
      case 'evaluation':
        return this.#score(message, member, now);
    }
  }

  /** Nobody is reached at an address any more. */
  lose(address: Address, now: number): Action[] {
    const { worker } = partsOf(address);
    if (!this.#membership.memberAt(worker, address)) return [];
    const sentence = `Worker ${worker} is gone: its shards go to others`;
    return [
      { type: 'say', level: 'warn', sentence, about: { worker } },
      ...this.#membership.leave(worker, 'silent', now),
      ...this.#regroup(now),
      ...this.#endIfAlone(),
    ];
  }

  /** Some time has gone by: looks for workers that are gone or late, and for the end of the patience without any. */
  tick(now: number): Action[] {
    const { size } = this.#membership;
    const actions = [...this.#endIfStuck(now), ...this.#membership.tick(now), ...this.#crossCheck.tick(now)];
    if (this.#membership.size < size) actions.push(...this.#regroup(now), ...this.#endIfAlone());
    actions.push(...this.#evaluations.tick(this.members, now), ...this.#closeIfComplete([], now));
    if (this.#membership.size > 0) {
      this.#aloneSince = undefined;
      return actions;
    }
    this.#aloneSince ??= now;
    const limit = this.#options.patience?.worker;
    if (limit !== undefined && now - this.#aloneSince > limit) {
      actions.push(failure(`Cannot go on with the run: no worker has come for ${limit} s`));
    }
    return actions;
  }

  /** The run is to end after the open round. */
  stop(): Action[] {
    this.#isStopping = true;
    return this.#endIfAlone();
  }

  /** A member's node of a round's sum counts if it was ordered to advance these shards. */
  #take({ worker, round: number, node, replayed }: ResultMessage, member: Member, now: number): Action[] {
    const round = this.#crossCheck.round(number);
    if (!round || !this.#membership.advances(member, number, node)) return [];
    const arrival = round.add(worker, node);
    const actions: Action[] = [];
    if (arrival.shards > 0) {
      round.replayed += replayed;
      this.#membership.received(worker, arrival.shards, now);
      actions.push(...this.#settleEngine(member, now));
    }
    actions.push(...this.#crossCheck.look(worker, round, node, arrival, now));
    return this.#closeIfComplete(actions, now);
  }

  #count({ worker, round: number, node, hash }: VoteMessage, member: Member, now: number): Action[] {
    const round = this.#crossCheck.round(number);
    if (!round || !this.#membership.votesOn(member, number, node)) return [];
    return this.#closeIfComplete(this.#crossCheck.look(worker, round, node, round.vote(worker, node, hash), now), now);
  }

  #score(message: EvaluationMessage, member: Member, now: number): Action[] {
    const { actions, counted, odd } = this.#evaluations.add(message, this.members, now);
    const settled = counted ? this.#settleEngine(member, now) : [];
    if (!odd) return [...settled, ...actions];
    const { round, chunk } = odd;
    const reason = `it computes other scores than others do: those of chunk ${chunk} of φ_${round}`;
    const banned = odd.workers.flatMap((worker) => this.#crossCheck.ban(worker, reason, { round }, now));
    return this.#closeIfComplete([...settled, ...actions, ...banned], now);
  }

  /** The run's engine is that of the first member whose result counts; what came from others counts no more. */
  #settleEngine(member: Member, now: number): Action[] {
    const before = this.members;
    const actions = this.#membership.settleEngine(member, now);
    const gone = before.filter((other) => !this.members.includes(other));
    if (gone.length === 0) return actions;
    for (const { id } of gone) this.#crossCheck.withdraw(id);
    const withdrawn = gone.flatMap(({ id }) => this.#evaluations.withdraw(id));
    return [...actions, ...withdrawn, ...this.#evaluations.orderAll(this.members)];
  }

  /** Adds that the open round's sum is complete, if it is, nobody disputes a part of it, and none is still to be confirmed. */
  #closeIfComplete(before: Action[], now: number): Action[] {
    const actions = this.#withoutScores(before);
    const open = this.#open;
    if (!open?.root || open.closed || this.#crossCheck.isDisputed) return actions;
    if (actions.some(({ type }) => type === 'fail')) return actions;
    const doubtful = this.#doubtful(open);
    const isEverything = this.#options.doubledShare === EVERYTHING;
    const why = isEverything ? sayWaiting(open) : sayUnusual(open);
    const demanded = this.#crossCheck.demand(doubtful, now, why);
    const unconfirmed = [...actions, ...demanded.actions];
    // what is only unusual counts if there is nobody to compute it again
    if (doubtful.length > (isEverything ? 0 : demanded.hopeless.length)) return unconfirmed;
    open.closed = true;
    this.#scale.remember(open.root);
    const { root, replayed } = open;
    return [...unconfirmed, ...this.#crossCheck.settleDemands(), { type: 'summed', root, replayed }];
  }

  /** Adds what follows from bans for evaluations: of a worker that is banned no score counts either. */
  #withoutScores(actions: Action[]): Action[] {
    const banned = actions.flatMap((action) => (action.type === 'tell-banned' ? [action.worker] : []));
    if (banned.length === 0) return actions;
    const withdrawn = banned.flatMap((worker) => this.#evaluations.withdraw(worker));
    return [...actions, ...withdrawn, ...this.#evaluations.orderAll(this.members)];
  }

  /** The parts of a sum that count only once a second worker has computed them. */
  #doubtful(open: OpenRound): Received[] {
    const { doubledShare } = this.#options;
    if (doubledShare !== EVERYTHING && this.#membership.size < 2) return [];
    const suspects = doubledShare === EVERYTHING ? open.parts : this.#scale.farOut(open.parts);
    return suspects.filter(({ node }) => !open.isConfirmed(node));
  }

  /** A worker leaves; so does a stranger, who may say anything. */
  #dismiss({ worker, error }: GoodbyeMessage, member: Member | undefined, now: number): Action[] {
    const { failWithLastWorker = false } = this.#options;
    const actions: Action[] = [];
    if (error !== undefined && !failWithLastWorker) {
      const about = { worker };
      const stranger = `${worker}, which is no worker of the run, says that it failed: ${error}`;
      actions.push(
        member
          ? { type: 'say', level: 'error', sentence: `Worker ${worker} has failed: ${error}`, about }
          : { type: 'say', level: 'warn', sentence: stranger, about, sparingly: true },
      );
    }
    if (member) actions.push(...this.#membership.leave(worker, 'left', now), ...this.#regroup(now));
    if (error !== undefined && failWithLastWorker && this.#membership.size === 0) actions.push(failure(error));
    return [...actions, ...this.#endIfAlone()];
  }

  /** Others do what a worker that has left was to do. */
  #regroup(now: number): Action[] {
    return [...this.#evaluations.orderAll(this.members), ...this.#closeIfComplete(this.#crossCheck.review(now), now)];
  }

  /** A run that is to end does not wait for a sum that nobody computes. */
  #endIfAlone(): Action[] {
    return this.#isStopping && this.#membership.size === 0 ? [{ type: 'abandoned' }] : [];
  }

  /**
   * A run that is to end waits for its open round until a worker has had its time, and not long for anything else: for a
   * vote that decides a dispute, or for an evaluation. All of it is computed again when the run is resumed.
   */
  #endIfStuck(now: number): Action[] {
    if (!this.#isStopping) return [];
    this.#stoppingSince ??= now;
    const until = this.#membership.nextDueAt ?? this.#stoppingSince + (this.#options.patience?.stop ?? 10);
    return now >= until ? [{ type: 'abandoned' }] : [];
  }
}

/** That everything is to be computed twice, and nobody is there who could. */
function sayWaiting({ number: round }: OpenRound) {
  const sentence = `Round ${round} waits for another worker: everything is to be computed twice (--double-check 1)`;
  return (_part: Received, second: string | undefined): Action | undefined =>
    second === undefined ? { type: 'say', level: 'warn', sentence, about: { round }, sparingly: true } : undefined;
}

/** That a part of the sum is far larger than usual. */
function sayUnusual({ number: round }: OpenRound) {
  return ({ worker, node }: Received, second: string | undefined): Action => {
    const what = `Worker ${worker} sent a far larger meta-gradient than usual: node ${node.level}/${node.index} of round ${round}`;
    const then = second === undefined ? 'and there is no other one to compute it again' : `${second} computes it, too`;
    return { type: 'say', level: 'warn', sentence: `${what}; ${then}`, about: { worker, round } };
  };
}

function failure(sentence: string): Action {
  return { type: 'fail', error: new LoptError(sentence) };
}
