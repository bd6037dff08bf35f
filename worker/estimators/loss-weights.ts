/** The weights of the losses of a window. */
import type { LossWeights } from '../../shared/estimators/bptt.js';

/**
 * w_1…w_K of a window of K steps. Their sum is K, so that the scale of the meta-gradient does not depend on the choice:
 * `uniform`, all 1 (Andrychowicz et al. 2016, arXiv 1606.04474); `linear`, proportional to t; `last`, only the last
 * loss of the window (the final loss that Chen et al. 2017, arXiv 1611.03824, compare with summed losses). Undefined
 * for `uniform`, which is the engines' default.
 */
export function lossWeightsOf(weights: LossWeights, steps: number): Float32Array | undefined {
  if (weights === 'uniform') return undefined;
  const result = new Float32Array(steps);
  if (weights === 'last') result[steps - 1] = steps;
  else for (let t = 1; t <= steps; t++) result[t - 1] = (2 * t) / (steps + 1);
  return result;
}
