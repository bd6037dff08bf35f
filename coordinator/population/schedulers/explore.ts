/** Varies the parameters of a copy in population-based training. */
import { type Domain, fromUniform, nearest, type Parameters, type ParameterValue, type Space } from '../domain.js';
import type { Draws } from '../draws.js';

export interface ExploreOptions {
  /** The probability that a parameter is redrawn. */
  resample: number;
  /** Whether a parameter may change while a member trains; others keep the parent's value. */
  mayChange: (name: string) => boolean;
}

const FACTORS = [0.8, 1.2] as const;

/**
 * Redraws each parameter with probability `resample`; otherwise multiplies a number by 0.8 or 1.2 and keeps any other
 * value (Jaderberg et al. 2017, section 4.1.1).
 *
 * @param draws four per parameter, in the order of the space
 */
export function explore(space: Space, parent: Parameters, draws: Draws, options: ExploreOptions): Parameters {
  const varied = space.map(({ name, domain }, i): [string, ParameterValue] => {
    const value = parent[name]!;
    if (!options.mayChange(name)) return [name, value];
    if (draws(4 * i) < options.resample) return [name, fromUniform(domain, draws(4 * i + 1))];
    return [name, perturb(domain, value, draws(4 * i + 2))];
  });
  return { ...parent, ...Object.fromEntries(varied) };
}

function perturb(domain: Domain, value: ParameterValue, u: number): ParameterValue {
  if (domain.type === 'categorical' || typeof value !== 'number') return value;
  const factor = FACTORS[u < 0.5 ? 0 : 1];
  const moved = nearest(domain, value * factor);
  // a small multiple of the step may round back to itself
  if (moved !== value || domain.step === null) return moved;
  return nearest(domain, value + Math.sign(value) * (factor < 1 ? -domain.step : domain.step));
}
