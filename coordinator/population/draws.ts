/** The randomness of a sweep: counter-based, keyed by the sweep's seed, the trial's number and a name. */
import { foldIn, type Key, seedKey, threefry2x32 } from '../../shared/random.js';

// separates a sweep's draws from those of its runs, whose purposes are small numbers: "swep" in ASCII
const SWEEP = 0x73776570;

/** Uniform draws from (0, 1), indexed by a counter. */
export type Draws = (counter: number) => number;

/** FNV-1a over the UTF-16 units of a name, 32 bits (Fowler, Noll and Vo). */
function hashOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** The key for what a trial draws under a name, such as a parameter's. */
export function sweepKey(seed: number, trial: number, name: string): Key {
  return foldIn(foldIn(foldIn(seedKey(seed), SWEEP), trial), hashOf(name));
}

/** A trial's draws under a name, with 53 random bits each; never 0. */
export function drawsOf(seed: number, trial: number, name: string): Draws {
  const key = sweepKey(seed, trial, name);
  return (counter) => {
    const [high, low] = threefry2x32(key, [1, counter]);
    return ((high >>> 5) * 2 ** 26 + (low >>> 6) + 0.5) / 2 ** 53;
  };
}
