/** Grid search: all combinations of values of finite domains; the last parameter varies fastest. */
import { nthValue, type Space, sizeOf } from '../domain.js';
import type { Sampler } from './sampler.js';

/** How many combinations there are; Infinity if a domain is not finite. */
export function gridSize(space: Space): number {
  return space.reduce((product, { domain }) => product * sizeOf(domain), 1);
}

/** @param space of finite domains; trial numbers must be below `gridSize` */
export function gridSampler(space: Space): Sampler {
  return {
    adaptive: false,
    ask(number) {
      const values: [string, ReturnType<typeof nthValue>][] = [];
      let rest = number;
      for (const { name, domain } of space.toReversed()) {
        const size = sizeOf(domain);
        values.push([name, nthValue(domain, rest % size)]);
        rest = Math.floor(rest / size);
      }
      return Object.fromEntries(values.reverse());
    },
  };
}
