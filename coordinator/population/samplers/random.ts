/** Random search (Bergstra and Bengio 2012): every parameter is drawn independently from its distribution. */
import { fromUniform, type Space } from '../domain.js';
import { drawsOf } from '../draws.js';
import type { Sampler } from './sampler.js';

export function randomSampler(space: Space, seed: number): Sampler {
  return {
    adaptive: false,
    ask: (number) =>
      Object.fromEntries(space.map(({ name, domain }) => [name, fromUniform(domain, drawsOf(seed, number, name)(0))])),
  };
}
