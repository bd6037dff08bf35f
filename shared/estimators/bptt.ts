/** Truncated back-propagation through time, alone or imitating a hand-designed optimizer at times: its configuration. */
import { boolean, exactly, finite, object, type Shape, shapeError, word } from '../shape.js';
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

/** Plain truncated back-propagation through time, as in Andrychowicz et al. 2016. */
export const PLAIN_BPTT: BpttConfig = {
  type: 'bptt',
  lossWeights: 'uniform',
  secondDerivatives: false,
  slopeLimit: 0,
  imitation: { share: 0, learningRate: 0.1, weight: 1 },
};

const nonNegative: Shape<number> = (value, at) => {
  const number = finite(value, at);
  if (number < 0) throw shapeError(at, 'at least 0', number);
  return number;
};

export const bptt: EstimatorSpec<BpttConfig> = {
  type: 'bptt',
  summary: 'truncated back-propagation through time (Andrychowicz et al. 2016)',
  options: [
    {
      name: 'second-derivatives',
      describe: 'back-propagate through the optimizee gradients too',
      group: 'estimator',
      kind: { type: 'switch', default: false },
      path: 'estimator.secondDerivatives',
      advice: 'secondDerivatives',
    },
    {
      name: 'slope-limit',
      describe: 'with second derivatives: take slopes of LogAndSign to be at most this; 0 for no limit',
      group: 'estimator',
      kind: { type: 'number', rule: { minimum: 0 }, default: 1 },
      path: 'estimator.slopeLimit',
    },
    {
      name: 'loss-weights',
      describe: 'weights of the losses of a window',
      group: 'estimator',
      kind: { type: 'choice', choices: LOSS_WEIGHTS, default: 'uniform' },
      path: 'estimator.lossWeights',
    },
    {
      name: 'imitate',
      describe: 'share of the episodes in which φ imitates Adam',
      group: 'estimator',
      kind: { type: 'number', rule: { minimum: 0, maximum: 1 }, default: 0 },
      path: 'estimator.imitation.share',
    },
    {
      name: 'imitation-rate',
      describe: 'learning rate of the Adam that is imitated',
      group: 'estimator',
      kind: { type: 'number', rule: { minimum: 0, exclusive: true }, default: 0.1 },
      path: 'estimator.imitation.learningRate',
    },
    {
      name: 'imitation-weight',
      describe: 'factor on the squared distance from what is imitated',
      group: 'estimator',
      kind: { type: 'number', rule: { minimum: 0 }, default: 1 },
      path: 'estimator.imitation.weight',
    },
  ],
  shape: object<BpttConfig>({
    type: exactly('bptt'),
    lossWeights: word(...LOSS_WEIGHTS),
    secondDerivatives: boolean,
    slopeLimit: nonNegative,
    imitation: object<Imitation>({ share: finite, learningRate: finite, weight: finite }),
  }),
  needs: ({ secondDerivatives }) => ({ backward: true, secondDerivatives }),
};
