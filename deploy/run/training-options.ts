/** The flags of how φ is trained beyond plain truncated back-propagation, and the options that they make. */
import { checkChoice, checkNumbers } from '../../shared/check.js';
import type { RunConfig } from '../../shared/config.js';
import { UsageError } from '../../shared/errors.js';
import { type BpttConfig, LOSS_WEIGHTS } from '../../shared/estimators/bptt.js';

/** The numbers among them. */
export const TRAINING_NUMBER_FLAGS = {
  'scale-coordinates': {
    describe: 'R: scale coordinates in training by e^U(-R,R), drawn for every episode; 0 does not',
    rule: { minimum: 0, maximum: 10 },
    default: 0,
  },
  'slope-limit': {
    describe: 'with second derivatives: take slopes of LogAndSign to be at most this; 0 as they are',
    rule: { minimum: 0 },
    default: 1,
  },
  imitate: {
    describe: 'share of the episodes in which φ imitates Adam',
    rule: { minimum: 0, maximum: 1 },
    default: 0,
  },
  'imitation-rate': {
    describe: 'learning rate of the Adam that is imitated',
    rule: { minimum: 0, exclusive: true },
    default: 0.1,
  },
  'imitation-weight': {
    describe: 'factor on the squared distance from what is imitated',
    rule: { minimum: 0 },
    default: 1,
  },
  'longest-unroll': {
    describe: 'draw the unroll of every episode, log-uniformly from --unroll to this; 0 does not',
    rule: { integer: true, minimum: 0 },
    default: 0,
  },
  patience: {
    describe: 'held-out evaluations without a better one after which the horizon grows',
    rule: { integer: true, minimum: 1 },
    default: 3,
  },
} as const;

/** The others. */
export const TRAINING_WORD_FLAGS = {
  'loss-weights': `weights of the losses of a window: ${LOSS_WEIGHTS.join(', ')}`,
  episodes: 'when shards begin their episodes: staggered or together',
  horizons: 'longer horizons to grow to, as in 200,500, when held-out evaluations stop improving',
} as const;

/** The check of each by itself; throws UsageError. */
export const TRAINING_WORD_CHECKS = {
  'loss-weights': (task: string, value: unknown) => checkChoice(task, 'loss-weights', value, LOSS_WEIGHTS),
  episodes: (task: string, value: unknown) => checkChoice(task, 'episodes', value, ['staggered', 'together'] as const),
  horizons: (task: string, value: unknown) => checkNumbers(task, 'horizons', value, { integer: true, minimum: 1 }),
} as const;

/** The most times that the horizon may grow. */
const MOST_HORIZONS = 64;

/** Checks the flags; numbers have been, and come by name. Throws UsageError. */
export function trainingOptions(
  task: string,
  flags: Readonly<Record<string, unknown>>,
  number: (name: keyof typeof TRAINING_NUMBER_FLAGS) => number,
  { horizon, unroll }: { horizon: number; unroll: number },
): Pick<RunConfig, 'augmentation' | 'curriculum' | 'longestUnroll' | 'stagger'> & {
  estimator: Omit<BpttConfig, 'type' | 'secondDerivatives'>;
} {
  const longestUnroll = number('longest-unroll');
  if (longestUnroll !== 0 && longestUnroll < unroll) {
    throw new UsageError(
      `${task}: "longest-unroll" must be 0, or at least the unroll of ${unroll}, got ${longestUnroll}`,
    );
  }
  return {
    estimator: {
      lossWeights: TRAINING_WORD_CHECKS['loss-weights'](task, flags['loss-weights'] ?? 'uniform'),
      slopeLimit: number('slope-limit'),
      imitation: {
        share: number('imitate'),
        learningRate: number('imitation-rate'),
        weight: number('imitation-weight'),
      },
    },
    augmentation: { coordinateScale: number('scale-coordinates') },
    curriculum: {
      horizons: flags['horizons'] === undefined ? [] : horizonsOf(task, flags['horizons'], horizon),
      patience: number('patience'),
    },
    stagger: TRAINING_WORD_CHECKS.episodes(task, flags['episodes'] ?? 'staggered') === 'staggered',
    longestUnroll,
  };
}

function horizonsOf(task: string, given: unknown, horizon: number): number[] {
  const horizons = TRAINING_WORD_CHECKS.horizons(task, given);
  const ascending = horizons.every((value, index) => value > (horizons[index - 1] ?? horizon));
  if (!ascending || horizons.length > MOST_HORIZONS) {
    const rule = `at most ${MOST_HORIZONS} numbers, ascending from above the horizon of ${horizon}`;
    throw new UsageError(`${task}: "horizons" must list ${rule}, got ${horizons.join(',')}`);
  }
  return horizons;
}
