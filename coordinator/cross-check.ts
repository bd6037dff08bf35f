/**
 * Compares what two workers have computed: the shards that are computed twice as a check on hardware, and whatever else
 * comes twice. While the round is open, a third worker decides, and the odd one is banned. Once its sum has gone into φ,
 * nothing can be taken back: the run stops. What has arrived goes in, with the time in seconds, and actions come out.
 */
import { InconsistencyError } from '../shared/errors.js';
import type { NodePlace } from '../shared/sum-tree.js';
import type { Action } from './actions.js';
import type { Membership } from './membership.js';
import type { Arrival, OpenRound, Received } from './round.js';
import { differing, verdictOf } from './votes.js';

/** Seconds after which what one worker was asked for is asked of another one. */
const PATIENCE = 60;

/** A node that somebody was asked to compute. */
interface Asked {
  node: NodePlace;
  /** When, in seconds. */
  at: number;
}

/** Closed rounds whose nodes are kept: a copy comes no later, as a worker begins it before its next windows. */
const REMEMBERED = 2;

export class CrossCheck {
  readonly #membership: Membership;
  readonly #waits: boolean;
  #rounds: OpenRound[] = [];
  /** Nodes of the open round that two workers say different things of, by name. */
  readonly #disputed = new Map<string, Asked>();
  /** Nodes of the open round that count only once a second worker has computed them, by name. */
  readonly #demanded = new Map<string, Asked>();
  #compared = 0;

  /**
   * @param membership has nodes computed by a third worker, and bans
   * @param waits whether a dispute waits for a third worker if there is none; otherwise the run stops
   */
  constructor(membership: Membership, waits = false) {
    this.#membership = membership;
    this.#waits = waits;
  }

  /** A round begins. */
  open(round: OpenRound): void {
    this.#rounds = [...this.#rounds.slice(-REMEMBERED), round];
  }

  /** Whether the sum of the open round must not be taken yet. */
  get isDisputed(): boolean {
    return this.#disputed.size > 0;
  }

  /** Copies that were found equal since this was last asked. */
  takeCompared(): number {
    const compared = this.#compared;
    this.#compared = 0;
    return compared;
  }

  /** A round that is open, or was a moment ago. */
  round(number: number): OpenRound | undefined {
    return this.#rounds.find((round) => round.number === number);
  }

  /** A worker has sent a node of such a round, or a vote on it. */
  look(worker: string, round: OpenRound, node: NodePlace, { compared, contradiction }: Arrival, now: number): Action[] {
    const actions: Action[] = [];
    if (contradiction) {
      if (round.closed || this.#membership.size < 2) return [failure(round, difference(round, node, worker, worker))];
      actions.push(...this.#ban(worker, round, node, now));
    }
    if (!compared) return actions;
    if (verdictOf(compared.votes).type === 'same') this.#compared += 1;
    return [...actions, ...this.#judge(round, compared.place, now)];
  }

  /**
   * Has parts of the open round's sum computed by a second worker before they count. Gives the orders for it, and those
   * parts that nobody can compute.
   * @param why says why a part is demanded, when it is first; undefined if that goes without saying
   */
  demand(
    parts: readonly Received[],
    now: number,
    why: (part: Received, second: string | undefined) => Action | undefined,
  ): { actions: Action[]; hopeless: Received[] } {
    const actions: Action[] = [];
    const hopeless: Received[] = [];
    for (const part of parts) {
      const place = placeOf(part.node);
      const name = nameOf(place);
      const before = this.#demanded.get(name);
      actions.push(...this.#askInTurn(place, [part.worker], before, now));
      this.#demanded.set(name, { node: place, at: this.#askedAt(place, before, now) });
      const second = this.#membership.asked(place);
      if (second === undefined) hopeless.push(part);
      const said = before && second !== undefined ? undefined : why(part, second);
      if (said) actions.push(said);
    }
    return { actions, hopeless };
  }

  /** Some time has gone by: who was asked to decide between others and does not answer is not waited for alone. */
  tick(now: number): Action[] {
    const round = this.#rounds.at(-1);
    if (!round) return [];
    return [...this.#disputed.values()].flatMap((asked) => {
      const actions = this.#askInTurn(asked.node, round.votesFor(asked.node).keys(), asked, now);
      this.#disputed.set(nameOf(asked.node), { node: asked.node, at: this.#askedAt(asked.node, asked, now) });
      return actions;
    });
  }

  /** Asks somebody who has not voted; after a while another one, if there is another one. */
  #askInTurn(node: NodePlace, voters: Iterable<string>, before: Asked | undefined, now: number): Action[] {
    const asked = this.#membership.asked(node);
    if (asked === undefined) return this.#membership.ask(node, voters);
    if (before === undefined || now - before.at <= PATIENCE) return [];
    const voted = [...voters];
    const others = this.#membership.ask(node, [...voted, asked]);
    return this.#membership.asked(node) === undefined ? this.#membership.ask(node, voted) : others;
  }

  #askedAt(node: NodePlace, before: Asked | undefined, now: number): number {
    const isLate = before === undefined || now - before.at > PATIENCE || this.#membership.asked(node) === undefined;
    return isLate ? now : before.at;
  }

  /** The sum is taken: nothing is demanded for it any more. */
  settleDemands(): Action[] {
    const nodes = [...this.#demanded.values()].map(({ node }) => node);
    this.#demanded.clear();
    return nodes.flatMap((node) => this.#membership.settle(node));
  }

  /** Nothing counts any more that a worker said of rounds that are open, or were a moment ago. */
  withdraw(worker: string): void {
    for (const round of this.#rounds) round.withdraw(worker);
  }

  /** Members came or went: there may be nobody left to decide. */
  review(now: number): Action[] {
    const round = this.#rounds.at(-1);
    if (!round) return [];
    return [...this.#disputed.values()].flatMap(({ node }) => this.#judge(round, node, now));
  }

  #judge(round: OpenRound, node: NodePlace, now: number): Action[] {
    const votes = round.votesFor(node);
    const verdict = verdictOf(votes);
    if (verdict.type === 'same') return this.#settle(node);
    const [first, second] = differing(votes);
    const sentence = difference(round, node, first, second);
    if (round.closed) return [failure(round, sentence)];
    if (verdict.type === 'odd') {
      return [...this.#settle(node), ...verdict.workers.flatMap((worker) => this.#ban(worker, round, node, now))];
    }
    return this.#ask(round, node, sentence, now);
  }

  /** Has a third worker decide. */
  #ask(round: OpenRound, node: NodePlace, sentence: string, now: number): Action[] {
    const isNew = !this.#disputed.has(nameOf(node));
    this.#disputed.set(nameOf(node), { node, at: now });
    const orders = this.#membership.ask(node, round.votesFor(node).keys());
    const third = this.#membership.asked(node);
    if (third === undefined && !this.#waits) {
      return [...orders, failure(round, `${sentence}, and there is no third one to decide`)];
    }
    if (!isNew) return orders;
    const about = { round: round.number };
    const decides = third === undefined ? 'the next worker that joins decides' : `worker ${third} decides`;
    return [{ type: 'say', level: 'warn', sentence: `${sentence}; ${decides}`, about }, ...orders];
  }

  #settle(node: NodePlace): Action[] {
    return this.#disputed.delete(nameOf(node)) ? this.#membership.settle(node) : [];
  }

  #ban(worker: string, round: OpenRound, node: NodePlace, now: number): Action[] {
    const { number } = round;
    const reason = `it computes other bits than others do: those of node ${nameOf(node)} in round ${number}`;
    return this.ban(worker, reason, { round: number, node: placeOf(node) }, now);
  }

  /** A worker is out of the run, and nothing of the open round that came from it counts. */
  ban(worker: string, reason: string, about: { round: number; node?: NodePlace }, now: number): Action[] {
    const sentence = `Worker ${worker} is banned from the run: ${reason}`;
    this.#rounds.at(-1)?.withdraw(worker);
    return [
      { type: 'say', level: 'error', sentence, about: { worker, round: about.round } },
      ...this.#membership.ban(worker, reason, now),
      { type: 'tell-banned', worker, ...about },
      // what was in dispute with it may be so no more
      ...this.review(now),
    ];
  }
}

/** That two workers, or one twice, have computed other bits. */
function difference({ number, closed }: OpenRound, node: NodePlace, first: string, second: string): string {
  const task = closed ? `Cannot go on after round ${number}` : `Cannot go on with round ${number}`;
  return `${task}: workers ${first} and ${second} sent other bits for node ${nameOf(node)}`;
}

/** The run stops, with a way out if the round is closed. */
function failure({ number, closed }: OpenRound, sentence: string): Action {
  const wayOut = closed ? `; --resume --from-round ${number - 1} goes back to before it` : '';
  return { type: 'fail', error: new InconsistencyError(sentence + wayOut) };
}

/** The place of a node alone: what is asked for must not be told with it. */
function placeOf({ level, index }: NodePlace): NodePlace {
  return { level, index };
}

function nameOf({ level, index }: NodePlace): string {
  return `${level}/${index}`;
}
