/** A trial of a sweep: a member of its population. */
import type { Parameters, ParameterValue } from './domain.js';

/** A stretch of a trial's rounds with the same parameters. */
export interface Segment {
  parameters: Parameters;
  /**
   * The state that it goes on from, φ and outer optimizer, as it was after a round of a trial in a segment of its own; null:
   * from φ_0.
   */
  from: { trial: number; segment: number; round: number } | null;
}

export interface Trial {
  number: number;
  /** The sweep's, or the value of the parameter or fixed flag `seed`: with the number, what all its randomness is drawn from. */
  seed: number;
  /** From the oldest; more than one where it was forked. */
  segments: readonly Segment[];
}

/** The parameters that a trial has now. */
export function parametersOf({ segments }: Trial): Parameters {
  return segments.at(-1)!.parameters;
}

/** A trial as it is created. */
export function newTrial(number: number, sweepSeed: number, parameters: Parameters, fixed: Parameters): Trial {
  const seed: ParameterValue | undefined = parameters['seed'] ?? fixed['seed'];
  return { number, seed: typeof seed === 'number' ? seed : sweepSeed, segments: [{ parameters, from: null }] };
}
