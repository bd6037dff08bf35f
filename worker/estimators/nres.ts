/**
 * Noise-reuse evolution strategies (Li, Harrison, Sohl-Dickstein, Smith and Metz 2023, "Variance-reduced gradient
 * estimation via noise-reuse in online evolution strategies", arXiv 2304.12180): each particle keeps its own state and its
 * ε all episode.
 */
import type { NresConfig } from '../../shared/estimators/nres.js';
import type { Estimator } from './estimator.js';
import { advancePair, beginPair, devicesOf, type Pair, slopeAlong } from './particles.js';
import { perturbationOf } from './perturbation.js';

/** (L⁺ − L⁻)/(2σ²)·ε of each window, with the one ε of the episode. */
export function nres(config: NresConfig): Estimator<Pair> {
  return {
    begin: (engine, _phi, episode, want) => beginPair(engine, config, episode, want),
    async window(engine, phi, particles, place, want = {}) {
      // the ε of an episode is that of its first window
      const epsilon = perturbationOf(place, 0, config.sigma, phi.length);
      const advanced = await advancePair(engine, config, phi, epsilon, particles, place, want);
      const { pair: state, sums, difference } = advanced;
      const metaGradient =
        want.metaGradient === false ? new Float32Array(phi.length) : slopeAlong(difference, config.sigma, epsilon);
      return { state, metaGradient, ...sums };
    },
    keep: devicesOf,
  };
}
