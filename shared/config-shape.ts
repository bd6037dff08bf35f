/** What a configuration must look like that comes from outside, or that was put together from options. */
import { architectureShape } from './architectures/registry.js';
import { combinationFault } from './combination.js';
import type { ForkPoint, OuterConfig, RunConfig } from './config.js';
import { estimatorShape } from './estimators/registry.js';
import { valuesIn } from './options/build.js';
import { GENERAL_OPTIONS } from './options/general.js';
import { misfitAmong, shapeOf } from './options/kinds.js';
import { rowsFor } from './options/table.js';
import {
  either,
  finite,
  integer,
  list,
  nullable,
  object,
  plain,
  record,
  type Shape,
  ShapeError,
  text,
} from './shape.js';
import type { AugmentationConfig, CurriculumConfig } from './training.js';

/** The most shards of a run. */
export const MOST_SHARDS = 2 ** 24;

const digest = text(64, /^[0-9a-f]{64}$/);

const optionValue = either<number | string | number[]>(
  'a number, text, or a list of numbers',
  finite,
  plain(4096),
  list(finite, 4096),
);

/** What values an option of every run has. */
function kindOf<Name extends keyof typeof GENERAL_OPTIONS>(name: Name): (typeof GENERAL_OPTIONS)[Name]['kind'] {
  return GENERAL_OPTIONS[name].kind;
}

/** What is changed about the problems that training draws. */
export const augmentationShape: Shape<AugmentationConfig> = object<AugmentationConfig>({
  coordinateScale: shapeOf(kindOf('scale-coordinates')),
  problemScale: shapeOf(kindOf('scale-problem')),
  tensorScale: shapeOf(kindOf('scale-tensors')),
  lossScale: shapeOf(kindOf('scale-loss')),
});

const fields = object<RunConfig>(
  {
    version: plain(64),
    problem: plain(256),
    problemOptions: record(optionValue, 256),
    folders: record(plain(4096), 256),
    architecture: architectureShape,
    estimator: estimatorShape,
    augmentation: augmentationShape,
    curriculum: object<CurriculumConfig>({
      horizons: shapeOf(kindOf('horizons')),
      patience: shapeOf(kindOf('patience')),
    }),
    seed: shapeOf(kindOf('seed')),
    member: shapeOf(kindOf('member')),
    shards: integer(kindOf('shards').rule.minimum, MOST_SHARDS),
    problems: shapeOf(kindOf('problems')),
    horizon: shapeOf(kindOf('horizon')),
    longestHorizon: shapeOf(kindOf('longest-horizon')),
    unknownHorizon: shapeOf(kindOf('unknown-horizon')),
    unroll: shapeOf(kindOf('unroll')),
    longestUnroll: shapeOf(kindOf('longest-unroll')),
    stagger: shapeOf(kindOf('episodes')),
    outer: object<OuterConfig>({
      learningRate: shapeOf(kindOf('learning-rate')),
      finalRate: shapeOf(kindOf('final-rate')),
      flat: shapeOf(kindOf('flat')),
      clip: shapeOf(kindOf('clip')),
      beta1: finite,
      beta2: finite,
      epsilon: finite,
    }),
    evaluateEvery: shapeOf(kindOf('evaluate-every')),
    evaluateFunctions: shapeOf(kindOf('evaluate-functions')),
    // another version of lopt may have others
    engine: plain(64),
    strict: shapeOf(kindOf('strict')),
    initialPhi: nullable(digest),
    start: object<ForkPoint>({ digest, round: integer(0), state: digest }),
    dataHashes: record(plain(256), 256),
  },
  ['start'],
);

/** The configuration of a run: every part as its option allows, and parts that go together. */
export const configShape: Shape<RunConfig> = (value, at) => {
  const config = fields(value, at);
  const rows = rowsFor({ architecture: config.architecture.type, estimator: config.estimator.type });
  const misfit = misfitAmong(rows, valuesIn(config, rows));
  if (misfit) throw new ShapeError(`"${at}.${misfit.row.path}" ${misfit.why}`);
  const fault = combinationFault(config);
  if (fault !== undefined) throw new ShapeError(`"${at}" cannot be combined so: ${fault}`);
  return config;
};
