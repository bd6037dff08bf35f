/** What was begun of the newest round, and sent of the last two: messages may be lost, and are sent again. */
import type { ResultMessage, VoteMessage } from '../../shared/messages.js';

/** What a worker sends of a round. */
export type Sent = ResultMessage | VoteMessage;

export interface Rounds {
  /** The newest round, and the shards whose windows of it are computed or were. */
  readonly begun: { readonly round: number; readonly shards: ReadonlySet<number> };
  /** By round. */
  readonly sent: ReadonlyMap<number, readonly Sent[]>;
}

export const NO_ROUNDS: Rounds = { begun: { round: 0, shards: new Set() }, sent: new Map() };

/** Goes on to a round, or with it: what was sent before the last two is forgotten. */
export function beginRound({ begun, sent }: Rounds, round: number): Rounds {
  return {
    begun: begun.round === round ? begun : { round, shards: new Set() },
    sent: new Map([...sent].filter(([old]) => old >= round - 1)),
  };
}

/** Begins those of the shards that are not begun in the newest round; returns which. */
export function beginShards(rounds: Rounds, shards: readonly number[]): { rounds: Rounds; shards: number[] } {
  const { begun } = rounds;
  const added = shards.filter((shard) => !begun.shards.has(shard));
  if (added.length === 0) return { rounds, shards: added };
  return { rounds: { ...rounds, begun: { ...begun, shards: new Set([...begun.shards, ...added]) } }, shards: added };
}

/** Keeps what is sent of a round. */
export function keepSent(rounds: Rounds, round: number, messages: readonly Sent[]): Rounds {
  return { ...rounds, sent: new Map(rounds.sent).set(round, [...sentOf(rounds, round), ...messages]) };
}

/** What was sent of a round, as far as it is kept. */
export function sentOf({ sent }: Rounds, round: number): readonly Sent[] {
  return sent.get(round) ?? [];
}
