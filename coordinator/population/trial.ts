/** A trial of a sweep: a member of its population. */
import type { Parameters, ParameterValue } from './domain.js';

/** A part of a trial with constant parameters. */
export interface Segment {
  parameters: Parameters;
  /** The state, φ and outer optimizer, that it starts from: that of a trial's segment after a round; null for φ_0. */
  from: { trial: number; segment: number; round: number } | null;
}

export interface Trial {
  number: number;
  /** The sweep's, unless a parameter or fixed flag sets `seed`. With the number, it keys all of the trial's draws. */
  seed: number;
  /** From the oldest; several if the trial was forked. */
  segments: readonly Segment[];
}

/** The trial's current parameters. */
export function parametersOf({ segments }: Trial): Parameters {
  return segments.at(-1)!.parameters;
}

/** A newly created trial. */
export function newTrial(number: number, sweepSeed: number, parameters: Parameters, fixed: Parameters): Trial {
  const seed: ParameterValue | undefined = parameters['seed'] ?? fixed['seed'];
  return { number, seed: typeof seed === 'number' ? seed : sweepSeed, segments: [{ parameters, from: null }] };
}
