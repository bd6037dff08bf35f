/**
 * Persistent evolution strategies (Vicol, Metz and Sohl-Dickstein 2021, arXiv 2112.13835): each particle keeps its own
 * state all episode, and ε is drawn anew each window.
 */
import type { PesConfig } from '../../shared/estimators/pes.js';
import type { Estimator } from './estimator.js';
import { advancePair, beginPair, devicesOf, type Pair, slopeAlong } from './particles.js';
import { perturbationOf, sumOfPerturbations } from './perturbation.js';

/**
 * (L⁺ − L⁻)/(2σ²)·Σ_{v≤w} ε_v of each window w, under φ ± ε_w. The sum credits every perturbation that the particles'
 * states come from, so the estimates of an episode's windows add up to one without bias. If φ changes between windows,
 * the particles go on from their states under the new φ ± ε_w.
 */
export function pes(config: PesConfig): Estimator<Pair> {
  return {
    begin: (engine, _phi, episode, want) => beginPair(engine, config, episode, want),
    async window(engine, phi, particles, place, want = {}) {
      const { window } = place;
      const epsilon = perturbationOf(place, window, config.sigma, phi.length);
      const advanced = await advancePair(engine, config, phi, epsilon, particles, place, want);
      const { pair: state, sums, difference } = advanced;
      if (want.metaGradient === false) return { state, metaGradient: new Float32Array(phi.length), ...sums };
      const sum = sumOfPerturbations(place, window, config.sigma, phi.length);
      return { state, metaGradient: slopeAlong(difference, config.sigma, sum), ...sums };
    },
    keep: devicesOf,
  };
}
