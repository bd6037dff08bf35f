/** The options that every run has, whatever its architecture and estimator. */
import type { NumberRule } from '../check.js';
import { numberAt, numbersAt, type OptionDeclarations } from './option.js';

/** The names of the engines; what each is, is in worker/engines/. */
export const ENGINE_NAMES = ['native', 'wasm', 'tensorflow', 'webgpu', 'reference'] as const;

/** The engine that is chosen when the run begins: its configuration names another one. */
export const AUTO_ENGINE = 'auto';

const COUNT = { integer: true, minimum: 1 } as const satisfies NumberRule;
const INDEX = { integer: true, minimum: 0 } as const satisfies NumberRule;
/** Exponents of 10: beyond, the products of several factors are no float32 numbers. */
const POWER_OF_10 = { minimum: 0, maximum: 5 } as const satisfies NumberRule;
const POSITIVE = { minimum: 0, exclusive: true } as const satisfies NumberRule;

/** The most horizons that a curriculum grows to. */
export const MOST_HORIZONS = 64;

const CHEN_2020 = { label: 'Chen et al. 2020', url: 'https://arxiv.org/abs/2010.09089' };
const LV_2017 = { label: 'Lv et al. 2017', url: 'https://arxiv.org/abs/1703.03633' };
const METZ_2019 = { label: 'Metz et al. 2019', url: 'https://arxiv.org/abs/1810.10180' };
const METZ_2022 = { label: 'Metz et al. 2022', url: 'https://arxiv.org/abs/2203.11860' };
const METZ_2022_VELO = { label: 'Metz et al. 2022', url: 'https://arxiv.org/abs/2211.09760' };
const VICOL_2021 = { label: 'Vicol et al. 2021', url: 'https://arxiv.org/abs/2112.13835' };

/** Each by its flag. */
export const GENERAL_OPTIONS = {
  seed: {
    describe: 'what all randomness is drawn from',
    group: 'run',
    kind: { type: 'number', rule: INDEX, default: 0 },
    path: 'seed',
  },
  member: {
    describe: 'which member of a population this is: it draws from the seed what no other one does',
    group: 'run',
    kind: { type: 'number', rule: INDEX, default: 0 },
    path: 'member',
  },
  shards: {
    describe: 'shards, which advance independently; each computes a window a round',
    group: 'problems',
    kind: { type: 'number', rule: COUNT, default: 2 },
    path: 'shards',
    advice: 'shards',
    // an episode of a shard is of one family: with more shards a round has more of them
    mixed: 'sum',
    changeable: true,
  },
  problems: {
    describe: 'problems in a shard',
    group: 'problems',
    kind: { type: 'number', rule: COUNT, default: 64 },
    path: 'problems',
    advice: 'problems',
    changeable: true,
  },
  horizon: {
    describe: 'inner steps of an episode; 100..2000 draws them for every episode, as --longest-horizon does',
    group: 'episodes',
    kind: { type: 'number', rule: COUNT, default: 100 },
    path: 'horizon',
    advice: 'horizon',
    mixed: 'most',
    range: 'longest-horizon',
  },
  'longest-horizon': {
    describe: 'draw the horizon of every episode, log-uniformly from --horizon to this; 0 does not',
    group: 'episodes',
    kind: { type: 'number', rule: INDEX, default: 0 },
    path: 'longestHorizon',
    misfit(values) {
      const [longest, horizon] = [numberAt(values, 'longest-horizon'), numberAt(values, 'horizon')];
      if (longest === 0) return undefined;
      if (numbersAt(values, 'horizons').length > 0) return 'must be 0 with a curriculum of horizons';
      return longest >= horizon ? undefined : `must be 0, or at least the horizon of ${horizon}`;
    },
    sources: [METZ_2022],
  },
  'unknown-horizon': {
    describe: 'share of the episodes in which φ is not told their horizon, so that it works without',
    group: 'episodes',
    kind: { type: 'number', rule: { minimum: 0, maximum: 1 }, default: 0 },
    path: 'unknownHorizon',
  },
  unroll: {
    describe: 'inner steps of a window',
    group: 'episodes',
    kind: { type: 'number', rule: COUNT, default: 20 },
    path: 'unroll',
    advice: 'unroll',
    changeable: true,
  },
  'longest-unroll': {
    describe: 'draw the unroll of every episode, log-uniformly from --unroll to this; 0 does not',
    group: 'episodes',
    kind: { type: 'number', rule: INDEX, default: 0 },
    path: 'longestUnroll',
    misfit(values) {
      const [longest, unroll] = [numberAt(values, 'longest-unroll'), numberAt(values, 'unroll')];
      return longest === 0 || longest >= unroll ? undefined : `must be 0, or at least the unroll of ${unroll}`;
    },
    sources: [METZ_2019],
  },
  episodes: {
    describe: 'when shards begin their episodes; staggered, a round sees all parts of one',
    group: 'episodes',
    kind: { type: 'switch', default: true, words: ['staggered', 'together'] },
    path: 'stagger',
    sources: [METZ_2022, VICOL_2021],
  },
  'scale-coordinates': {
    describe: 'R: scale coordinates in training by e^U(-R,R), drawn for every episode; 0 does not',
    group: 'augmentation',
    kind: { type: 'number', rule: { minimum: 0, maximum: 10 }, default: 0 },
    path: 'augmentation.coordinateScale',
    sources: [LV_2017],
  },
  'scale-problem': {
    describe: 'R: scale all of θ in training by 10^U(-R,R), drawn for every problem and episode; 0 does not',
    group: 'augmentation',
    kind: { type: 'number', rule: POWER_OF_10, default: 0 },
    path: 'augmentation.problemScale',
    sources: [METZ_2022_VELO],
  },
  'scale-tensors': {
    describe: 'R: scale every tensor of θ in training by 10^U(-R,R), drawn for every problem and episode; 0 does not',
    group: 'augmentation',
    kind: { type: 'number', rule: POWER_OF_10, default: 0 },
    path: 'augmentation.tensorScale',
    sources: [METZ_2022_VELO],
  },
  'scale-loss': {
    describe:
      'R: scale the gradients that are read in training by 10^U(-R,R), drawn for every problem and episode; 0 does not. Losses keep their unit',
    group: 'augmentation',
    kind: { type: 'number', rule: POWER_OF_10, default: 0 },
    path: 'augmentation.lossScale',
  },
  horizons: {
    describe: 'longer horizons to grow to, as in 200,500, when held-out evaluations stop improving',
    group: 'curriculum',
    kind: {
      type: 'numbers',
      rule: COUNT,
      default: [],
      length: { maximum: MOST_HORIZONS, of: 'numbers' },
    },
    path: 'curriculum.horizons',
    misfit(values) {
      const horizon = numberAt(values, 'horizon');
      const horizons = numbersAt(values, 'horizons');
      if (horizons.every((value, index) => value > (horizons[index - 1] ?? horizon))) return undefined;
      return `must list at most ${MOST_HORIZONS} numbers, ascending from above the horizon of ${horizon}`;
    },
    sources: [CHEN_2020],
  },
  patience: {
    describe: 'held-out evaluations without a better one after which the horizon grows',
    group: 'curriculum',
    kind: { type: 'number', rule: COUNT, default: 3 },
    path: 'curriculum.patience',
  },
  'learning-rate': {
    describe: 'peak learning rate of the outer Adam',
    group: 'outer optimizer',
    kind: { type: 'number', rule: POSITIVE, default: 2e-3 },
    path: 'outer.learningRate',
    advice: 'learningRate',
    changeable: true,
  },
  'final-rate': {
    describe: 'last learning rate, over the peak',
    group: 'outer optimizer',
    kind: { type: 'number', rule: { ...POSITIVE, maximum: 1 }, default: 0.02 },
    path: 'outer.finalRate',
    changeable: true,
  },
  flat: {
    describe: 'share of the rounds at the peak',
    group: 'outer optimizer',
    kind: { type: 'number', rule: { ...POSITIVE, maximum: 0.9 }, default: 0.3 },
    path: 'outer.flat',
    changeable: true,
  },
  clip: {
    describe: 'largest global norm of the meta-gradient',
    group: 'outer optimizer',
    kind: { type: 'number', rule: POSITIVE, default: 1 },
    path: 'outer.clip',
    changeable: true,
  },
  'evaluate-every': {
    describe: 'rounds between the held-out evaluations that keep the best φ',
    group: 'evaluation',
    kind: { type: 'number', rule: COUNT, default: 200 },
    path: 'evaluateEvery',
    advice: 'evaluateEvery',
    mixed: 'most',
  },
  'evaluate-functions': {
    describe: 'functions of a held-out evaluation',
    group: 'evaluation',
    kind: { type: 'number', rule: COUNT, default: 256 },
    path: 'evaluateFunctions',
    advice: 'evaluateFunctions',
  },
  engine: {
    describe: 'what computes windows; auto is a GPU if one pays off, else the CPU',
    group: 'engine',
    kind: { type: 'choice', choices: [AUTO_ENGINE, ...ENGINE_NAMES], default: AUTO_ENGINE },
    path: 'engine',
  },
  strict: {
    describe: 'no fused multiply-add: the same bits on any processor',
    group: 'engine',
    kind: { type: 'switch', default: false },
    path: 'strict',
  },
} as const satisfies OptionDeclarations;
