/** What the perceptron of architecture `mlp` reads: the order of its inputs, which is that of the first weights' rows. */

/** The features of a coordinate that are computed for each by itself, in the order of the kernels. */
export const COORDINATE_FEATURES = [
  'gradient',
  'clipped gradient',
  'parameter',
  ...['mean 1', 'mean 2', 'mean 3'],
  'square',
  ...['mean 1 / root', 'mean 2 / root', 'mean 3 / root'],
  '1 / root',
  'gradient / root',
  ...['factored gradient 1', 'factored gradient 2', 'factored gradient 3'],
  ...['factored mean 1', 'factored mean 2', 'factored mean 3'],
] as const;

/** The features that all coordinates of a row share, or of a column. */
export const FACTOR_FEATURES = [
  ...['row 1', 'row 2', 'row 3'],
  ...['column 1', 'column 2', 'column 3'],
  ...['1 / root row 1', '1 / root row 2', '1 / root row 3'],
  ...['1 / root column 1', '1 / root column 2', '1 / root column 3'],
] as const;

export type Feature = (typeof COORDINATE_FEATURES)[number] | (typeof FACTOR_FEATURES)[number];

const GENERAL: readonly Feature[] = [...COORDINATE_FEATURES, ...FACTOR_FEATURES];

/** As in `AdafacMLPLOpt` of google/learned_optimization, whose published φ's have this order. */
const SMALL_FC: readonly Feature[] = [
  'gradient',
  'parameter',
  ...COORDINATE_FEATURES.slice(3, 11),
  ...COORDINATE_FEATURES.slice(12, 15),
  ...FACTOR_FEATURES,
  ...COORDINATE_FEATURES.slice(15),
];

/** As in `celo2_optax.py` of amoudgl/celo, whose published φ has this order. */
const CELO2: readonly Feature[] = [
  ...COORDINATE_FEATURES.slice(0, 11),
  ...COORDINATE_FEATURES.slice(12, 15),
  'gradient / root',
  ...FACTOR_FEATURES,
  ...COORDINATE_FEATURES.slice(15),
];

const FEATURES = { general: GENERAL, 'small-fc': SMALL_FC, celo2: CELO2, control: [] } as const;

/** How many numbers of the tensor and of time follow. */
export const SCALARS = { general: 11, 'small-fc': 11, celo2: 0, control: 11 } as const;

/** The features of a coordinate that a rule reads, in the order of the first weights' rows. */
export function featuresOf(rule: keyof typeof FEATURES): readonly Feature[] {
  return FEATURES[rule];
}
