/** Persistent evolution strategies: the configuration. */
import { type EvolutionConfig, evolutionSpec } from './evolution.js';

export type PesConfig = EvolutionConfig<'pes'>;

export const pes = evolutionSpec(
  'pes',
  'persistent evolution strategies, unbiased over the episode (Vicol et al. 2021)',
  2,
);
