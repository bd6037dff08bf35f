/** The meta-loss of evolution strategies: any function of the losses of an episode so far. */
import type { MetaLossConfig } from '../../shared/estimators/evolution.js';
import type { ShardState } from '../engines/engine.js';
import { normaliseLoss } from '../engines/loss-normalisation.js';
import type { WindowSums } from '../engines/shard.js';

/** Each problem's least loss so far in the episode, [P], on a shared buffer; undefined if the meta-loss does not ask. */
export type LeastLosses = Float64Array | undefined;

/** The least losses at the start of an episode. */
export function noLosses({ reduction }: MetaLossConfig, problems: number): LeastLosses {
  if (reduction !== 'minimum') return undefined;
  return new Float64Array(new SharedArrayBuffer(8 * problems)).fill(Number.POSITIVE_INFINITY);
}

/** A copy on a shared buffer of its own. */
export function cloneLosses(least: LeastLosses): LeastLosses {
  if (!least) return undefined;
  const copy = new Float64Array(new SharedArrayBuffer(least.byteLength));
  copy.set(least);
  return copy;
}

/**
 * Sums the meta-loss of a window over its healthy problems, and moves their least losses on. With f_t the losses of steps
 * t = 1…K [K × P], clipped to C·f_0(θ_0) where that is positive, the meta-loss of a problem is
 *
 * - `mean`: Σ_t f_t, as `bptt` has it; over an episode that is T times the mean loss
 * - `last`: K·f_K
 * - `minimum`: Σ_t min_{s≤t} f_s, over all steps s of the episode so far
 *
 * so that all have the scale of a sum over the window's steps. The final loss is f_K, unclipped. If the shard's losses are
 * normalised, they all are of f_t clipped, then normalised.
 */
export function sumMetaLosses(
  { reduction, clip }: MetaLossConfig,
  { count, healthy, initialLosses, lossNormalisation: kind }: ShardState,
  losses: Float64Array,
  least: LeastLosses,
): WindowSums {
  const steps = losses.length / count;
  const sums = { loss: 0, finalLoss: 0, healthy: 0 };
  for (let p = 0; p < count; p++) {
    if (healthy[p] === 0) continue;
    const limit = clip > 0 && initialLosses[p]! > 0 ? clip * initialLosses[p]! : Number.POSITIVE_INFINITY;
    const inUnit = (loss: number) => (kind ? normaliseLoss(loss, initialLosses[p]!, kind) : loss);
    const clipped = (s: number) => inUnit(Math.min(losses[s * count + p]!, limit));
    sums.healthy += 1;
    sums.finalLoss += inUnit(losses[(steps - 1) * count + p]!);
    if (reduction === 'last') sums.loss += steps * clipped(steps - 1);
    else for (let s = 0; s < steps; s++) sums.loss += least ? lowered(least, p, clipped(s)) : clipped(s);
  }
  return sums;
}

/** A problem's least loss once it has had this one. */
function lowered(least: Float64Array, problem: number, loss: number): number {
  least[problem] = Math.min(least[problem]!, loss);
  return least[problem]!;
}
