/** What workers say of one node, and which of them is odd. */

/** The hash that each worker's bits of a node have, by worker. */
export type Votes = ReadonlyMap<string, string>;

/** `same`: all agree. `odd`: a majority agrees, and these workers do not. `open`: another worker must decide. */
export type Verdict = { type: 'same' } | { type: 'odd'; workers: string[] } | { type: 'open' };

/** Two that differ decide nothing; of three or more, those are right that most agree with. */
export function verdictOf(votes: Votes): Verdict {
  const counts = new Map<string, number>();
  for (const hash of votes.values()) counts.set(hash, (counts.get(hash) ?? 0) + 1);
  if (counts.size <= 1) return { type: 'same' };
  const [[hash, most], [, second]] = [...counts].sort(([, a], [, b]) => b - a) as [[string, number], [string, number]];
  if (most === second) return { type: 'open' };
  return { type: 'odd', workers: [...votes].filter(([, other]) => other !== hash).map(([worker]) => worker) };
}

/** Two workers whose votes differ, the first one first. */
export function differing(votes: Votes): [string, string] {
  const [[first, hash], ...others] = [...votes] as [[string, string], ...[string, string][]];
  return [first, others.find(([, other]) => other !== hash)![0]];
}
