/** What the evolution strategies have in common: their configuration. */
import { shapeOf } from '../options/kinds.js';
import { type OptionDeclarations, rowsOf } from '../options/option.js';
import { exactly, object } from '../shape.js';
import type { EstimatorSpec } from './estimator.js';

/** What a window's losses are reduced to; see worker/estimators/meta-loss.ts. */
export const REDUCTIONS = ['mean', 'last', 'minimum'] as const;

export type Reduction = (typeof REDUCTIONS)[number];

/** On which data the losses that score φ are taken. */
export const SCORING_DATA = ['train', 'held-out'] as const;

/** The meta-loss. An evolution strategy needs no derivative of it, so it may be any function of the losses. */
export interface MetaLossConfig {
  readonly reduction: Reduction;
  /** The data of the inner gradients, or other data of the same problem. */
  readonly split: (typeof SCORING_DATA)[number];
  /** A loss counts as at most this many times f(θ_0); 0 for no limit. */
  readonly clip: number;
}

/** The configuration of an evolution strategy. */
export interface EvolutionConfig<Type extends string = string> {
  readonly type: Type;
  /** σ: standard deviation of every coordinate of ε. */
  readonly sigma: number;
  readonly metaLoss: MetaLossConfig;
}

const METZ_2019 = { label: 'Metz et al. 2019', url: 'https://arxiv.org/abs/1810.10180' };
const METZ_2020 = { label: 'Metz et al. 2020', url: 'https://arxiv.org/abs/2009.11243' };

const OPTIONS = {
  sigma: {
    describe: 'standard deviation of the perturbations of φ',
    group: 'estimator',
    kind: { type: 'number', rule: { minimum: 0, exclusive: true }, default: 0.01 },
    path: 'estimator.sigma',
    changeable: true,
  },
  'meta-loss': {
    describe: 'what the losses of a window count as: each, the last one alone, or the least so far in the episode',
    group: 'estimator',
    kind: { type: 'choice', choices: REDUCTIONS, default: 'mean' },
    path: 'estimator.metaLoss.reduction',
  },
  'meta-loss-split': {
    describe: 'score on the data that the inner gradients are taken on, or on other data of the same problem',
    group: 'estimator',
    kind: { type: 'choice', choices: SCORING_DATA, default: 'train' },
    path: 'estimator.metaLoss.split',
    sources: [METZ_2019, METZ_2020],
  },
  'meta-loss-clip': {
    describe: 'let a loss count as at most this many times that of θ_0; 0 for no limit',
    group: 'estimator',
    // The estimate is in proportion to the difference of two losses, and a problem counts as healthy up to a million
    // times its first loss. Without a limit a single particle that diverges decides the round's direction at random.
    // Twice f(θ_0) leaves every particle that makes progress as it is, and says of the others that they are worse.
    kind: { type: 'number', rule: { minimum: 0 }, default: 2 },
    path: 'estimator.metaLoss.clip',
  },
} as const satisfies OptionDeclarations;

/** The specification of an evolution strategy: forward windows are all that it needs. */
export function evolutionSpec<Type extends string>(
  type: Type,
  summary: string,
  trajectories: number,
): EstimatorSpec<EvolutionConfig<Type>> {
  return {
    type,
    summary,
    options: rowsOf(OPTIONS),
    shape: object<EvolutionConfig<Type>>({
      type: exactly(type),
      sigma: shapeOf(OPTIONS.sigma.kind),
      metaLoss: object<MetaLossConfig>({
        reduction: shapeOf(OPTIONS['meta-loss'].kind),
        split: shapeOf(OPTIONS['meta-loss-split'].kind),
        clip: shapeOf(OPTIONS['meta-loss-clip'].kind),
      }),
    }),
    needs: () => ({ backward: false, secondDerivatives: false, trajectories }),
  };
}
