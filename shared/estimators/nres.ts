/** Noise-reuse evolution strategies, one perturbation an episode: the configuration. */
import { type EvolutionConfig, evolutionSpec } from './evolution.js';

export type NresConfig = EvolutionConfig<'nres'>;

export const nres = evolutionSpec(
  'nres',
  'evolution strategies that keep a perturbation all episode (Li et al. 2023)',
  2,
);
