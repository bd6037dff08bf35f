/** Hyperband (Li et al. 2018): brackets of successive halving, from many short trials to few that run in full. */
import { type Bracket, halvingBracket } from './brackets.js';
import { geometricRungs } from './scheduler.js';

export interface HyperbandOptions {
  /** R: rounds of a trial that runs in full. */
  rounds: number;
  /** Rounds of the shortest first rung: r. */
  leastRounds: number;
  eta: number;
}

/**
 * The brackets s = s_max … 0 with s_max = ⌊log_η(R/r)⌋: ⌈(s_max + 1)/(s + 1)·η^s⌉ trials begin with R·η^−s rounds
 * (algorithm 1).
 */
export function hyperbandBrackets({ rounds, leastRounds, eta }: HyperbandOptions): Bracket[] {
  let most = 0;
  while (leastRounds * eta ** (most + 1) <= rounds) most += 1;
  const brackets: Bracket[] = [];
  for (let s = most; s >= 0; s--) {
    const trials = Math.ceil(((most + 1) / (s + 1)) * eta ** s);
    brackets.push(halvingBracket(trials, geometricRungs(rounds / eta ** s, eta, rounds), eta));
  }
  return brackets;
}

/** Repeats the brackets until they hold `trials` trials; the last one may be smaller. */
export function repeatBrackets(brackets: readonly Bracket[], trials: number, eta: number): Bracket[] {
  const result: Bracket[] = [];
  for (let left = trials, i = 0; left > 0; i++) {
    const { sizes, rungs } = brackets[i % brackets.length]!;
    const size = Math.min(sizes[0]!, left);
    result.push(halvingBracket(size, rungs, eta));
    left -= size;
  }
  return result;
}

/** How many trials the brackets hold. */
export function trialsOf(brackets: readonly Bracket[]): number {
  return brackets.reduce((sum, { sizes }) => sum + sizes[0]!, 0);
}
