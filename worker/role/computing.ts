/** Which windows a worker computes when, and what it sends of them. */
import { EVERYTHING, isDoubled } from '../../shared/double-computation.js';
import type { OrderMessage, PhiMessage, ResultMessage, VoteMessage } from '../../shared/messages.js';
import { timelineAt } from '../../shared/timeline.js';
import type { ComputedWindows } from '../held-shards.js';
import { beginCopies, type CopyTask, endCopy, follow, hashOfCopy, type RoundOrder } from './copies.js';
import { endComputing, fail } from './leaving.js';
import { beginRound, beginShards, keepSent, type Sent, sentOf } from './rounds.js';
import { isFree, NOT_WAITED, orderedShards, type WorkerState } from './state.js';
import { type Action, type CopyWork, inTurn, type Step, step, type WindowsWork } from './step.js';
import { followTerm, forgetWindows } from './terms.js';

/** From now on advances these shards and follows these copies. */
export function followOrder(before: WorkerState, message: OrderMessage): Step {
  const { run } = before;
  const { term, round } = message;
  if (term < (run?.term ?? 0)) return step(before);
  // one that was overtaken
  if (term === before.order.term && round < before.order.from) return step(before);
  return inTurn(
    before,
    (now) => forgetBeyond(now, message),
    (now) => takeOrder(now, message),
  );
}

/**
 * Another coordinator does not know what its predecessor ordered: sums that go beyond its own order do not count with it,
 * so what they are made of is computed again.
 */
function forgetBeyond(state: WorkerState, { term, ranges }: OrderMessage): Step {
  const { order } = state;
  const isWithin = order.ranges.every((old) => ranges.some(({ first, end }) => first <= old.first && old.end <= end));
  if (order.term === 0 || term === order.term || isWithin || ranges.length === 0) return step(state);
  return forgetWindows(state);
}

function takeOrder(before: WorkerState, message: OrderMessage): Step {
  const { run } = before;
  const { term, round, ranges } = message;
  const copies = follow(before.copies, message.copies);
  const state = { ...before, order: { term, from: round, ranges }, copies };
  const shards = orderedShards(state);
  const kept: Action[] = [
    { type: 'keep-shards', shards },
    { type: 'keep-copies', copies: copies.followed.map(({ id }) => id) },
  ];
  const told: Action[] = run ? [{ type: 'tell-ordered', run, shards: shards.length }] : [];
  return inTurn(state, (now) => step(now, [...kept, ...told]), computeRound);
}

/** A broadcast φ starts the next round, unless it is an old one. */
export function hearPhi(state: WorkerState, phi: PhiMessage): Step {
  if (phi.term < (state.run?.term ?? 0)) return step(state);
  return inTurn(
    state,
    (now) => followTerm(now, phi),
    (now) => (phi.round < (now.phi?.round ?? 0) ? step(now) : takePhi(now, phi)),
  );
}

/** Goes on with this φ. */
export function takePhi(state: WorkerState, phi: PhiMessage): Step {
  const waited = phi.round === state.phi?.round ? state.waited : NOT_WAITED;
  return computeRound({ ...state, phi, waited });
}

/** Starts the windows of round `phi.round` + 1 that are ordered and not begun; sends again what is done. */
function computeRound(state: WorkerState): Step {
  const { run, phi } = state;
  if (!run || !phi || state.draining || isFree(state) || phi.round + 1 < state.order.from) return step(state);
  const round = phi.round + 1;
  const { digest, config } = run;
  const order = { session: { digest, config }, timeline: timelineAt(config, phi.grown ?? []), round, phi: phi.phi };
  return inTurn(
    { ...state, rounds: beginRound(state.rounds, round) },
    (now) => sendAgain(now, round),
    (now) => startWindows(now, order),
    // after its own shards, so that no round waits for a copy
    (now) => startCopies(now, order),
  );
}

/** Sends what is done of a round, and may have been lost. */
export function sendAgain(state: WorkerState, round: number): Step {
  return step(state, sendsOf(sentOf(state.rounds, round)));
}

function startWindows(state: WorkerState, order: RoundOrder): Step {
  const { rounds, shards } = beginShards(state.rounds, orderedShards(state));
  if (shards.length === 0) return step({ ...state, rounds });
  const { epoch, computing } = state;
  const work: WindowsWork = {
    type: 'windows',
    epoch,
    order: { ...order, shards, hashed: doubled(state, order, shards) },
  };
  return step({ ...state, rounds, computing: computing + 1 }, [{ type: 'start', work }]);
}

/**
 * The shards that another worker computes as well: their own sums are hashed. If everything is computed twice, the sums
 * themselves are compared.
 */
function doubled({ run }: WorkerState, order: RoundOrder, shards: readonly number[]): Set<number> {
  const { session, timeline, round } = order;
  const share = run?.doubleCheck ?? 0;
  const isTwice = (shard: number) =>
    share < EVERYTHING && isDoubled(session.config, shard, timeline.placeOf(round, shard).episode, share);
  return new Set(shards.filter(isTwice));
}

function startCopies(state: WorkerState, order: RoundOrder): Step {
  const { copies, tasks } = beginCopies(state.copies, order);
  return step({ ...state, copies }, startsOf(state, tasks));
}

function startsOf({ epoch }: WorkerState, tasks: readonly CopyTask[]): Action[] {
  return tasks.map((task) => ({ type: 'start', work: { type: 'copy', epoch, ...task } }));
}

/** Sends the sums of the worker's own shards, and the hashes of those that another one computes as well. */
export function windowsComputed(
  state: WorkerState,
  { epoch, order }: WindowsWork,
  { nodes, hashes, replayed }: ComputedWindows,
  seconds: number,
): Step {
  if (epoch !== state.epoch) return endComputing(state);
  const { round, shards, session } = order;
  const head = { worker: state.settings.id, digest: session.digest, round };
  const votes = hashes.map(
    ({ shard, hash }): VoteMessage => ({ type: 'vote', ...head, node: { level: 0, index: shard }, hash }),
  );
  const results = nodes.map(
    (node, index): ResultMessage => ({ type: 'result', ...head, node, replayed: index === 0 ? replayed : 0 }),
  );
  const measures = { windows: shards.length, replayed, seconds };
  return inTurn(
    state,
    (now) => sendFirst(now, round, [...votes, ...results]),
    (now) => step(now, [{ type: 'tell-computed', round, measures }]),
    endComputing,
  );
}

/** Leaves if windows cannot be computed. Those that were forgotten meanwhile may fail: nobody waits for them. */
export function windowsFailed(state: WorkerState, { epoch }: WindowsWork, error: unknown): Step {
  return inTurn(state, endComputing, (now) => (now.left || epoch !== now.epoch ? step(now) : fail(now, error)));
}

/** Answers for a node that another worker computes as well, and goes on with the round that waits. */
export function copyComputed(
  state: WorkerState,
  { epoch, copy, node, order }: CopyWork,
  computed: ComputedWindows,
): Step {
  if (epoch !== state.epoch) return step(state);
  const { session, round } = order;
  const head = { worker: state.settings.id, digest: session.digest, round };
  const { copies, tasks } = endCopy(state.copies, copy);
  return inTurn(
    { ...state, copies },
    (now) => sendFirst(now, round, [{ type: 'vote', ...head, node, hash: hashOfCopy(computed) }]),
    (now) => step(now, startsOf(now, tasks)),
  );
}

/** Sends what a round has given, and keeps it: it may have to be sent again. */
function sendFirst(state: WorkerState, round: number, messages: readonly Sent[]): Step {
  return step({ ...state, rounds: keepSent(state.rounds, round, messages) }, sendsOf(messages));
}

function sendsOf(messages: readonly Sent[]): Action[] {
  return messages.map((message) => ({ type: 'send', message }));
}
