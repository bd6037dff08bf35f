/** Truncated back-propagation through time, alone or imitating a hand-designed optimizer at times: its configuration. */
import { shapeOf } from '../options/kinds.js';
import { type OptionDeclarations, rowsOf } from '../options/option.js';
import { exactly, object } from '../shape.js';
import type { EstimatorSpec } from './estimator.js';

/** The weights w_t of a window's losses; see `lossWeightsOf` in worker/estimators/loss-weights.ts. */
export const LOSS_WEIGHTS = ['uniform', 'linear', 'last'] as const;

export type LossWeights = (typeof LOSS_WEIGHTS)[number];

/** Imitation of a hand-designed optimizer in some of the episodes (Chen et al. 2020). */
export interface Imitation {
  /** Share of the episodes in which φ imitates, from 0 to 1. */
  readonly share: number;
  /** Learning rate of the Adam that is imitated. */
  readonly learningRate: number;
  /** Factor on the squared distance of the updates. */
  readonly weight: number;
}

/** The options; each cites its source where it is computed. */
export interface BpttConfig {
  readonly type: 'bptt';
  readonly lossWeights: LossWeights;
  /** Keep the dotted edges: back-propagate through the optimizee gradients too. */
  readonly secondDerivatives: boolean;
  /**
   * The largest |∂x/∂∇| of LogAndSign that second derivatives go back through; 0 for no limit. ln |∇| has the slope
   * 1/∇, and a long window multiplies many: one small gradient then drowns out all others (on exploding gradients in
   * long unrolls: Metz et al. 2019, arXiv 1810.10180).
   */
  readonly slopeLimit: number;
  readonly imitation: Imitation;
}

const CHEN_2017 = { label: 'Chen et al. 2017', url: 'https://arxiv.org/abs/1611.03824' };
const CHEN_2020 = { label: 'Chen et al. 2020', url: 'https://arxiv.org/abs/2010.09089' };
const METZ_2019 = { label: 'Metz et al. 2019', url: 'https://arxiv.org/abs/1810.10180' };

const OPTIONS = {
  'second-derivatives': {
    describe: 'back-propagate through the optimizee gradients too',
    group: 'estimator',
    kind: { type: 'switch', default: false },
    path: 'estimator.secondDerivatives',
    advice: 'secondDerivatives',
  },
  'slope-limit': {
    describe: 'with second derivatives: take slopes of LogAndSign to be at most this; 0 for no limit',
    group: 'estimator',
    kind: { type: 'number', rule: { minimum: 0 }, default: 1 },
    path: 'estimator.slopeLimit',
    sources: [METZ_2019],
  },
  'loss-weights': {
    describe: 'weights of the losses of a window; linear in t, or of the last one alone',
    group: 'estimator',
    kind: { type: 'choice', choices: LOSS_WEIGHTS, default: 'uniform' },
    path: 'estimator.lossWeights',
    sources: [CHEN_2017],
  },
  imitate: {
    describe: 'share of the episodes in which φ imitates Adam',
    group: 'estimator',
    kind: { type: 'number', rule: { minimum: 0, maximum: 1 }, default: 0 },
    path: 'estimator.imitation.share',
    sources: [CHEN_2020],
  },
  'imitation-rate': {
    describe: 'learning rate of the Adam that is imitated',
    group: 'estimator',
    kind: { type: 'number', rule: { minimum: 0, exclusive: true }, default: 0.1 },
    path: 'estimator.imitation.learningRate',
  },
  'imitation-weight': {
    describe: 'factor on the squared distance from what is imitated',
    group: 'estimator',
    kind: { type: 'number', rule: { minimum: 0 }, default: 1 },
    path: 'estimator.imitation.weight',
  },
} as const satisfies OptionDeclarations;

export const bptt: EstimatorSpec<BpttConfig> = {
  type: 'bptt',
  summary: 'truncated back-propagation through time (Andrychowicz et al. 2016)',
  options: rowsOf(OPTIONS),
  shape: object<BpttConfig>({
    type: exactly('bptt'),
    lossWeights: shapeOf(OPTIONS['loss-weights'].kind),
    secondDerivatives: shapeOf(OPTIONS['second-derivatives'].kind),
    slopeLimit: shapeOf(OPTIONS['slope-limit'].kind),
    imitation: object<Imitation>({
      share: shapeOf(OPTIONS.imitate.kind),
      learningRate: shapeOf(OPTIONS['imitation-rate'].kind),
      weight: shapeOf(OPTIONS['imitation-weight'].kind),
    }),
  }),
  needs: ({ secondDerivatives }) => ({ backward: true, secondDerivatives, trajectories: 1 }),
};
