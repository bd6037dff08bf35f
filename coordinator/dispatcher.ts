/**
 * What the coordinator decides when something happens while rounds are open: who computes what, whose results count, when
 * a round's sum is complete, when the run cannot go on. What happens goes in, with the time in seconds of a clock that only
 * goes forward, and actions come out. φ itself is the learner's: none of its bits depend on what is decided here.
 */
import type { RunConfig } from '../shared/config.js';
import { LoptError } from '../shared/errors.js';
import type { AnnounceMessage, PhiMessage, ResultMessage, ToCoordinator, VoteMessage } from '../shared/messages.js';
import { timelineAt } from '../shared/timeline.js';
import type { Action } from './actions.js';
import { CrossCheck } from './cross-check.js';
import { heldOutChunks } from './evaluation.js';
import { Evaluations } from './evaluations.js';
import type { LearnerState } from './learner.js';
import { Membership, type MembershipOptions } from './membership.js';
import type { EvaluatedPhi } from './open-evaluation.js';
import type { Member } from './roster.js';
import { OpenRound } from './round.js';

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
  /** Share of the shards that two workers compute. @default DOUBLED_SHARE */
  doubledShare?: number | undefined;
  patience?: Patience | undefined;
}

export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #membership: Membership;
  readonly #crossCheck: CrossCheck;
  readonly #evaluations: Evaluations;
  #open: OpenRound | undefined;
  /** Of the φ that was sent last, which is not the newest once no round follows; before the first, what the run goes on from. */
  #sent: Pick<PhiMessage, 'round' | 'grown'>;
  /** Since when there is no worker. */
  #aloneSince: number | undefined;
  #isStopping = false;
  /** When it was first looked at whether what is waited for still comes; undefined while the run goes on. */
  #stoppingSince: number | undefined;

  constructor(options: DispatcherOptions) {
    const { config, digest, term, state, doubledShare, patience } = options;
    const { fingerprint, round, grown } = state;
    const { deadlines, silence, evaluation } = patience ?? {};
    this.#options = options;
    this.#sent = { round, grown };
    this.#membership = new Membership({ digest, config, term, fingerprint, doubledShare, deadlines, silence });
    this.#crossCheck = new CrossCheck(this.#membership);
    this.#evaluations = new Evaluations({ term, chunks: heldOutChunks(config), patience: evaluation });
  }

  /** Who works on the run now. */
  get members(): readonly Member[] {
    return this.#membership.members;
  }

  /** Of the engine of all members; null before the first one. */
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
    const { run, term, config, digest } = this.#options;
    const message: AnnounceMessage = { type: 'announce', run, term, ...this.#sent, config, digest };
    return [{ type: 'broadcast', message }];
  }

  /** The bus was cut off: says again what was lost meanwhile. */
  reconnected(): Action[] {
    return [...this.announce(), ...this.#membership.repeat(), ...this.#evaluations.orderAll(this.members)];
  }

  /** A message came, which the bus has checked. */
  receive(message: ToCoordinator, now: number): Action[] {
    switch (message.type) {
      case 'hello':
        return [...this.#membership.welcome(message, now), ...this.#evaluations.orderAll(this.members)];
      case 'heartbeat':
        return this.#membership.alive(message, now);
      case 'goodbye':
        return this.#dismiss(message.worker, message.error, now);
      case 'result':
        return this.#take(message, now);
      case 'vote':
        return this.#count(message, now);
      case 'evaluation':
        return message.digest === this.#options.digest ? this.#evaluations.add(message, now) : [];
    }
  }

  /** A worker is not there any more, and did not say so. */
  lose(worker: string, now: number): Action[] {
    if (!this.#membership.has(worker)) return [];
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
    const actions = [...this.#endIfStuck(now), ...this.#membership.tick(now)];
    if (this.#membership.size < size) actions.push(...this.#regroup(now), ...this.#endIfAlone());
    actions.push(...this.#evaluations.tick(this.members, now));
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

  #take({ worker, digest, round: number, node, replayed }: ResultMessage, now: number): Action[] {
    const round = this.#roundOf(worker, digest, number);
    if (!round) return [];
    const arrival = round.add(worker, node);
    if (arrival.shards > 0) {
      round.replayed += replayed;
      this.#membership.received(worker, arrival.shards, now);
    }
    return this.#closeIfComplete(this.#crossCheck.look(worker, round, node, arrival, now));
  }

  #count({ worker, digest, round: number, node, hash }: VoteMessage, now: number): Action[] {
    const round = this.#roundOf(worker, digest, number);
    if (!round) return [];
    return this.#closeIfComplete(this.#crossCheck.look(worker, round, node, round.vote(worker, node, hash), now));
  }

  /** The round that a member's message is about, if it is open, or was a moment ago. */
  #roundOf(worker: string, digest: string, number: number): OpenRound | undefined {
    if (digest !== this.#options.digest || !this.#membership.has(worker)) return undefined;
    return this.#crossCheck.round(number);
  }

  /** Adds that the open round's sum is complete, if it is and nobody disputes a part of it. */
  #closeIfComplete(actions: Action[]): Action[] {
    const open = this.#open;
    if (!open?.root || open.closed || this.#crossCheck.isDisputed) return actions;
    if (actions.some(({ type }) => type === 'fail')) return actions;
    open.closed = true;
    return [...actions, { type: 'summed', root: open.root, replayed: open.replayed }];
  }

  #dismiss(worker: string, error: string | undefined, now: number): Action[] {
    const { failWithLastWorker = false } = this.#options;
    const actions: Action[] = [];
    if (error !== undefined && !failWithLastWorker) {
      const stranger = this.#membership.has(worker) ? {} : ({ sparingly: true } as const);
      const sentence = `Worker ${worker} has failed: ${error}`;
      actions.push({ type: 'say', level: 'error', sentence, about: { worker }, ...stranger });
    }
    actions.push(...this.#membership.leave(worker, 'left', now), ...this.#regroup(now));
    if (error !== undefined && failWithLastWorker && this.#membership.size === 0) actions.push(failure(error));
    return [...actions, ...this.#endIfAlone()];
  }

  /** Others do what a worker that has left was to do. */
  #regroup(now: number): Action[] {
    return [...this.#evaluations.orderAll(this.members), ...this.#closeIfComplete(this.#crossCheck.review(now))];
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

function failure(sentence: string): Action {
  return { type: 'fail', error: new LoptError(sentence) };
}
