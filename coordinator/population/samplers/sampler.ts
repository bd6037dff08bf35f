/** Samplers propose the parameters of trials. */
import type { Parameters } from '../domain.js';

/** What a sampler knows about a trial. */
export interface Observation {
  number: number;
  parameters: Parameters;
  /** The round of its last report; 0 if it has not reported. */
  rounds: number;
  /** Its last report: lower is better, +∞ for a value that was not finite. Null if it has not reported. */
  cost: number | null;
}

/**
 * A sampler is a pure function: the parameters of trial n depend on the sweep's seed, on n and, if adaptive, on the
 * history of the other trials.
 */
export interface Sampler {
  /** Whether proposals depend on the history. */
  readonly adaptive: boolean;
  /** @param history other trials, by ascending number */
  ask(number: number, history: readonly Observation[]): Parameters;
}
