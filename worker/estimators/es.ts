/**
 * Truncated evolution strategies (Metz et al. 2019, arXiv 1810.10180): both particles start each window from one common
 * state, which advances under φ. If a window is a whole episode, they are plain evolution strategies (Salimans et al.
 * 2017, arXiv 1703.03864).
 */
import type { EsConfig } from '../../shared/estimators/es.js';
import type { Estimator } from './estimator.js';
import { advancePair, advanceParticle, beginParticle, type Particle, pairFrom, slopeAlong } from './particles.js';
import { perturbationOf } from './perturbation.js';

/**
 * (L⁺ − L⁻)/(2σ²)·ε_w of each window w. A problem that goes bad in a particle leaves the estimate of that window alone:
 * the next particles start from the common state, whose health is that of φ's own trajectory.
 */
export function es(config: EsConfig): Estimator<Particle> {
  return {
    // what is copied must be on the host
    begin: (engine, _phi, episode) => beginParticle(engine, config, episode),
    async window(engine, phi, common, place, { metaGradient = true } = {}) {
      // no window follows the last one of an episode
      const isLast = common.shard.step + place.steps >= place.horizon;
      if (!metaGradient) {
        const { particle, sums } = await advanceParticle(engine, config, phi, common, place, {});
        return { state: particle, metaGradient: new Float32Array(phi.length), ...sums };
      }
      const epsilon = perturbationOf(place, place.window, config.sigma, phi.length);
      const { sums, difference } = await advancePair(engine, config, phi, epsilon, pairFrom(common), place, {});
      const state = isLast ? common : (await advanceParticle(engine, config, phi, common, place, {})).particle;
      return { state, metaGradient: slopeAlong(difference, config.sigma, epsilon), ...sums };
    },
    keep: () => [],
  };
}
