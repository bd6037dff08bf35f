/** The samplers by method. */
import type { Method, SweepPlan } from '../plan.js';
import { gridSampler } from './grid.js';
import { randomSampler } from './random.js';
import type { Sampler } from './sampler.js';
import { sobolSampler } from './sobol.js';
import { tpeSampler } from './tpe.js';

const SAMPLERS: Readonly<Record<Method, (plan: Pick<SweepPlan, 'space' | 'seed'>) => Sampler>> = {
  grid: ({ space }) => gridSampler(space),
  random: ({ space, seed }) => randomSampler(space, seed),
  sobol: ({ space, seed }) => sobolSampler(space, seed),
  tpe: ({ space, seed }) => tpeSampler(space, seed),
};

/** The sampler of a sweep. */
export function samplerOf(plan: Pick<SweepPlan, 'space' | 'seed' | 'method'>): Sampler {
  return SAMPLERS[plan.method](plan);
}
