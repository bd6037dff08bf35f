/** Truncated back-propagation through time (Andrychowicz et al. 2016, arXiv 1606.04474; Werbos 1990). */
import type { BpttConfig } from '../../shared/estimators/bptt.js';
import { deriveKey } from '../../shared/random.js';
import type { ShardState } from '../engines/engine.js';
import { sumLosses } from '../engines/shard.js';
import type { Estimator } from './estimator.js';
import { lossWeightsOf } from './loss-weights.js';

/** dL/dφ of each window alone, L = Σ_p Σ_t w_t f_t(θ_t), treating everything before the window as constant. */
export function bptt(config: Pick<BpttConfig, 'lossWeights' | 'slopeLimit'>): Estimator<ShardState> {
  return {
    begin(engine, _phi, { problems, seed, member, shard, episode }, { resident = false } = {}) {
      const key = deriveKey({ seed, member, shard, episode, purpose: 'train' });
      return engine.begin({ key, count: problems, split: 'train', resident });
    },
    async window(
      engine,
      phi,
      state,
      { steps, horizon, told = horizon },
      { metaGradient = true, resident, updateGradient } = {},
    ) {
      const lossWeights = lossWeightsOf(config.lossWeights, steps);
      const result = await engine.window({
        phi,
        state,
        steps,
        horizon: told,
        lossWeights,
        updateGradient,
        slopeLimit: config.slopeLimit,
        forwardOnly: !metaGradient,
        resident,
      });
      const sums = sumLosses(result.state, result.losses, lossWeights);
      return { state: result.state, metaGradient: result.metaGradient, ...sums };
    },
    keep: ({ device }) => (device ? [device] : []),
  };
}
