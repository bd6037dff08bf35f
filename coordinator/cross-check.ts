/**
 * Holds against each other what two workers have computed: the shards that are computed twice as a check on hardware, and
 * whatever else comes twice. While the round is open, a third worker decides, and the odd one is banned. Once its sum has
 * gone into φ, nothing can be taken back: the run stops.
 */
import { InconsistencyError } from '../shared/errors.js';
import type { Logger } from '../shared/logger.js';
import type { NodePlace, TreeNode } from '../shared/sum-tree.js';
import type { Membership } from './membership.js';
import type { Member } from './roster.js';
import type { Arrival, OpenRound } from './round.js';
import { differing, verdictOf } from './votes.js';

/** What a check acts on. */
export interface CrossCheckOptions {
  membership: Membership;
  logger: Logger;
  /** Members have other orders, and need the φ of the open round. */
  onOrdered(members: readonly Member[]): void;
  /** A worker computes wrongly, and is out of the run. */
  onBanned(worker: string, round: number, node: NodePlace): void;
}

/** Closed rounds whose nodes are kept: a copy comes no later, as a worker begins it before its next windows. */
const REMEMBERED = 2;

export class CrossCheck {
  readonly #options: CrossCheckOptions;
  #rounds: OpenRound[] = [];
  /** Nodes of the open round that two workers say different things of, by name. */
  readonly #disputed = new Map<string, NodePlace>();
  #compared = 0;

  constructor(options: CrossCheckOptions) {
    this.#options = options;
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

  /** A node of such a round came. Returns the shards that it brought. Throws InconsistencyError where the run must stop. */
  add(worker: string, round: OpenRound, node: TreeNode): number {
    const arrival = round.add(worker, node);
    this.#look(worker, round, node, arrival);
    return arrival.shards;
  }

  /** The hash of a node came. Throws InconsistencyError where the run must stop. */
  vote(worker: string, round: OpenRound, node: NodePlace, hash: string): void {
    this.#look(worker, round, node, round.vote(worker, node, hash));
  }

  /** Members came or went: there may be nobody left to decide. Throws InconsistencyError then. */
  review(): void {
    const round = this.#rounds.at(-1);
    if (!round) return;
    for (const node of [...this.#disputed.values()]) this.#decide(round, node);
  }

  #look(worker: string, round: OpenRound, node: NodePlace, { compared, contradiction }: Arrival): void {
    if (contradiction) {
      const sentence = `${this.#task(round)}: workers ${worker} and ${worker} sent other bits for node ${nameOf(node)}`;
      if (round.closed || this.#options.membership.size < 2) throw new InconsistencyError(sentence + this.#hint(round));
      this.#ban(worker, round, node);
    }
    if (!compared) return;
    if (verdictOf(compared.votes).type === 'same') this.#compared += 1;
    this.#decide(round, compared.place);
  }

  #decide(round: OpenRound, node: NodePlace): void {
    const { membership, onOrdered } = this.#options;
    const votes = round.votesFor(node);
    const verdict = verdictOf(votes);
    if (verdict.type === 'same') {
      this.#settle(node);
      return;
    }
    const [first, second] = differing(votes);
    const sentence = `${this.#task(round)}: workers ${first} and ${second} sent other bits for node ${nameOf(node)}`;
    if (round.closed) throw new InconsistencyError(sentence + this.#hint(round));
    if (verdict.type === 'odd') {
      this.#settle(node);
      for (const worker of verdict.workers) this.#ban(worker, round, node);
      return;
    }
    const isNew = !this.#disputed.has(nameOf(node));
    this.#disputed.set(nameOf(node), node);
    const changed = membership.ask(node, votes.keys());
    const third = membership.asked(node);
    if (third === undefined) throw new InconsistencyError(`${sentence}, and there is no third one to decide`);
    if (isNew) this.#options.logger.warn(`${sentence}; worker ${third} decides`, { round: round.number });
    onOrdered(changed);
  }

  #settle(node: NodePlace): void {
    if (!this.#disputed.delete(nameOf(node))) return;
    this.#options.onOrdered(this.#options.membership.settle(node));
  }

  #ban(worker: string, round: OpenRound, node: NodePlace): void {
    const { membership, logger, onOrdered, onBanned } = this.#options;
    const reason = `it computes other bits than others do: those of node ${nameOf(node)} in round ${round.number}`;
    logger.error(`Worker ${worker} is banned from the run: ${reason}`, { worker, round: round.number });
    round.withdraw(worker);
    const changed = membership.ban(worker, reason);
    onBanned(worker, round.number, node);
    onOrdered(changed);
    // what was in dispute with it may be so no more
    this.review();
  }

  #task({ number, closed }: OpenRound): string {
    return closed ? `Cannot go on after round ${number}` : `Cannot go on with round ${number}`;
  }

  #hint({ number, closed }: OpenRound): string {
    return closed ? `; --resume --from-round ${number - 1} goes back to before it` : '';
  }
}

function nameOf({ level, index }: NodePlace): string {
  return `${level}/${index}`;
}
