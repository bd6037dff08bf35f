/** How population-based training varies the parameters of a copy. */
import { type Domain, fromUniform, nearest, type Parameters, type ParameterValue, type Space } from '../domain.js';
import type { Draws } from '../draws.js';

export interface ExploreOptions {
  /** The chance that a parameter is drawn anew. */
  resample: number;
  /** Whether a parameter may change while a member trains; those that may not are the parent's. */
  mayChange: (name: string) => boolean;
}

const FACTORS = [0.8, 1.2] as const;

/**
 * Every parameter is drawn anew by chance; else a number is multiplied by 0.8 or 1.2 and any other choice stays
 * (Jaderberg et al. 2017, section 4.1.1).
 *
 * @param draws four numbers a parameter, in the order of the space
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
  // a small multiple of a step would round back to where it was
  if (moved !== value || domain.step === null) return moved;
  return nearest(domain, value + Math.sign(value) * (factor < 1 ? -domain.step : domain.step));
}
