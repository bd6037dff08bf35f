/** What proposes the parameters of trials. */
import type { Parameters } from '../domain.js';

/** What is known of a trial. */
export interface Observation {
  number: number;
  parameters: Parameters;
  /** The rounds after which it last reported; 0 where it has not. */
  rounds: number;
  /** What it reported then: lower is better, +∞ where it had no finite value. Null where it has not reported. */
  cost: number | null;
}

/**
 * A sampler is a pure function: the parameters of trial n depend on the sweep's seed, on n and, of an adaptive one, on what
 * is known of the other trials.
 */
export interface Sampler {
  /** Whether proposals depend on the history. */
  readonly adaptive: boolean;
  /** @param history other trials, by ascending number */
  ask(number: number, history: readonly Observation[]): Parameters;
}
