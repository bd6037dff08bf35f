/** Truncated evolution strategies, perturbed anew in each window: the configuration. */
import { type EvolutionConfig, evolutionSpec } from './evolution.js';

export type EsConfig = EvolutionConfig<'es'>;

export const es = evolutionSpec('es', 'evolution strategies, perturbed anew each window (Metz et al. 2019)', 3);
