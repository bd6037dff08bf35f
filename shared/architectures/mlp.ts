/**
 * A multilayer perceptron on the features of a tensor (Metz et al. 2020, arXiv 2009.11243; Metz et al. 2022, arXiv
 * 2203.11860; Moudgil et al. 2026, arXiv 2602.19142): its configuration.
 */
import { LoptError } from '../errors.js';
import { shapeOf } from '../options/kinds.js';
import { type OptionDeclarations, rowsOf } from '../options/option.js';
import { exactly, object } from '../shape.js';
import type { ArchitectureSpec, StatePart, TensorSpec } from './architecture.js';
import { featuresOf, SCALARS } from './mlp-features.js';

/** What the network reads and what its output becomes; worker/architectures/mlp/README.md has the equations. */
export const MLP_RULES = ['general', 'small-fc', 'celo2', 'control'] as const;

export type MlpRule = (typeof MLP_RULES)[number];

/** What the steps are multiplied by as an episode goes on. */
export const SCHEDULES = ['own', 'cosine', 'constant'] as const;

export type Schedule = (typeof SCHEDULES)[number];

/** The most hidden layers, and the most units of each: the kernels keep registers for them. */
export const MOST_HIDDEN_LAYERS = 3;
const MOST_UNITS = 64;

export interface MlpConfig {
  readonly type: 'mlp';
  readonly rule: MlpRule;
  /** Units of the hidden layers; 1 to MOST_HIDDEN_LAYERS of them. */
  readonly units: readonly number[];
  /** Factor on every step. */
  readonly stepScale: number;
  readonly schedule: Schedule;
  /** Of `celo2`: make the steps of matrices orthogonal. */
  readonly orthogonalise: boolean;
}

/** The learnable decays of `small-fc`, with the number of each. */
const DECAYS = { means: 3, square: 1, factors: 3 } as const;

/** The schedule that a configuration has. */
export function scheduleOf({ rule, schedule }: Pick<MlpConfig, 'rule' | 'schedule'>): 'cosine' | 'constant' {
  if (schedule !== 'own') return schedule;
  return rule === 'small-fc' ? 'constant' : 'cosine';
}

/** Numbers that the network reads: features of the coordinate, then of the tensor. */
export function mlpInputs(rule: MlpRule): number {
  return featuresOf(rule).length + SCALARS[rule];
}

/**
 * `layer_l/weights` [inputs, units] and `layer_l/biases` [units] for each hidden layer, then `output/weights` [units, 2] and
 * `output/biases` [2]: direction and log magnitude; `small-fc` has the changes of its decays before them. Weights start
 * from N(0, 1/fan-in), twice that variance after a rectifier. The output of `general` and `control` starts from zeros, so
 * that they are Adam with a schedule.
 */
function tensors({ rule, units }: MlpConfig): TensorSpec[] {
  const result: TensorSpec[] =
    rule === 'small-fc'
      ? Object.entries(DECAYS).map(([name, length]) => ({ name: `decays/${name}`, shape: [length], deviation: 0 }))
      : [];
  let below = mlpInputs(rule);
  units.forEach((width, layer) => {
    const name = `layer_${layer + 1}`;
    result.push({ name: `${name}/weights`, shape: [below, width], deviation: Math.sqrt((layer > 0 ? 2 : 1) / below) });
    result.push({ name: `${name}/biases`, shape: [width], deviation: 0 });
    below = width;
  });
  const startsFromAdam = rule === 'general' || rule === 'control';
  result.push({ name: 'output/weights', shape: [below, 2], deviation: startsFromAdam ? 0 : 1 / Math.sqrt(below) });
  result.push({ name: 'output/biases', shape: [2], deviation: 0 });
  return result;
}

/**
 * Running means of ∇ (β 0.9, 0.99, 0.999) and of ∇² of every coordinate; but for `control`, running means (the same β) of ∇²
 * over the rows and over the columns of every matrix; of `small-fc`, those of ∇² of every coordinate of a vector; of
 * `general` and `control`, the scale of every tensor's steps.
 */
function state({ rule }: MlpConfig): StatePart[] {
  const three = (name: string, of: NonNullable<StatePart['of']>) =>
    [1, 2, 3].map((index) => ({ name: `${name}_${index}`, size: 1, of }));
  return [
    ...three('mean', 'coordinates'),
    { name: 'square', size: 1, of: 'coordinates' },
    ...(rule === 'control' ? [] : [...three('row', 'rows'), ...three('column', 'columns')]),
    ...(rule === 'small-fc' ? three('square', 'vectors') : []),
    ...(rule === 'general' || rule === 'control' ? [{ name: 'scale', size: 1, of: 'tensors' as const }] : []),
  ];
}

const OPTIONS = {
  rule: {
    describe: 'what the network reads of a tensor and what its output becomes',
    group: 'architecture',
    kind: { type: 'choice', choices: MLP_RULES, default: 'general' },
    path: 'architecture.rule',
    sources: [
      { label: 'Metz et al. 2022', url: 'https://arxiv.org/abs/2203.11860' },
      { label: 'Moudgil et al. 2026', url: 'https://arxiv.org/abs/2602.19142' },
    ],
  },
  units: {
    describe: 'units of the hidden layers, as in 8,8',
    group: 'architecture',
    kind: {
      type: 'numbers',
      rule: { integer: true, minimum: 1, maximum: MOST_UNITS },
      default: [8, 8],
      length: { minimum: 1, maximum: MOST_HIDDEN_LAYERS, of: 'layers' },
    },
    path: 'architecture.units',
  },
  'step-scale': {
    describe: 'factor on every step',
    group: 'architecture',
    kind: { type: 'number', rule: { minimum: 0, exclusive: true }, default: 1 },
    path: 'architecture.stepScale',
  },
  schedule: {
    describe: 'what the steps are multiplied by; own is constant for small-fc, and cosine for the others',
    group: 'architecture',
    kind: { type: 'choice', choices: SCHEDULES, default: 'own' },
    path: 'architecture.schedule',
  },
  orthogonalise: {
    describe: 'with celo2: make the steps of matrices orthogonal by Newton-Schulz iterations',
    group: 'architecture',
    kind: { type: 'switch', default: false },
    path: 'architecture.orthogonalise',
    misfit: (values) =>
      values.get('orthogonalise') === true && values.get('rule') !== 'celo2'
        ? 'must be left out unless the rule is celo2'
        : undefined,
    sources: [{ label: 'Moudgil et al. 2026', url: 'https://arxiv.org/abs/2602.19142' }],
  },
} as const satisfies OptionDeclarations;

export const mlp: ArchitectureSpec<MlpConfig> = {
  type: 'mlp',
  summary: 'a perceptron on the features of a tensor (Metz et al. 2022)',
  options: rowsOf(OPTIONS),
  // its kernels only go forward
  estimator: 'nres',
  shape: object<MlpConfig>({
    type: exactly('mlp'),
    rule: shapeOf(OPTIONS.rule.kind),
    units: shapeOf(OPTIONS.units.kind),
    stepScale: shapeOf(OPTIONS['step-scale'].kind),
    schedule: shapeOf(OPTIONS.schedule.kind),
    orthogonalise: shapeOf(OPTIONS.orthogonalise.kind),
  }),
  tensors,
  reads: () => ['gradient', 'parameters', 'shapes', 'time'],
  state,
  flops({ rule, units }) {
    let below = featuresOf(rule).length;
    let multiplyAdds = 0;
    for (const width of [...units, 2]) {
      multiplyAdds += below * width;
      below = width;
    }
    return { forward: 2 * multiplyAdds, backward: 4 * multiplyAdds };
  },
  indifferentiable: () => undefined,
  describe: ({ rule, units, stepScale, schedule, orthogonalise }) =>
    `rule ${rule}, units ${units.join(',')}, step scale ${stepScale}, schedule ${schedule}${orthogonalise ? ', orthogonal' : ''}`,
  toMetadata: ({ rule, units, stepScale, schedule, orthogonalise }) => ({
    rule,
    units: units.join(','),
    step_scale: String(stepScale),
    schedule,
    orthogonalise: String(orthogonalise),
  }),
  fromMetadata(metadata) {
    const show = (key: string) => JSON.stringify(metadata[key]);
    const rule = MLP_RULES.find((name) => name === metadata['rule']);
    if (!rule) throw new LoptError(`its rule must be one of ${MLP_RULES.join(', ')}, got ${show('rule')}`);
    const units = (metadata['units'] ?? '').split(',').map(Number);
    const are = units.every((width) => Number.isSafeInteger(width) && width > 0 && width <= MOST_UNITS);
    if (!are || units.length > MOST_HIDDEN_LAYERS) {
      const most = `the units of at most ${MOST_HIDDEN_LAYERS} layers, each 1 to ${MOST_UNITS}`;
      throw new LoptError(`its metadata must list ${most}, got ${show('units')}`);
    }
    const stepScale = Number(metadata['step_scale']);
    if (!(stepScale > 0 && Number.isFinite(stepScale))) {
      throw new LoptError(`its step scale must be positive, got ${show('step_scale')}`);
    }
    const schedule = SCHEDULES.find((name) => name === metadata['schedule']);
    if (!schedule) throw new LoptError(`its schedule must be one of ${SCHEDULES.join(', ')}, got ${show('schedule')}`);
    const orthogonalise = metadata['orthogonalise'] === 'true';
    if (!orthogonalise && metadata['orthogonalise'] !== 'false') {
      throw new LoptError(`its "orthogonalise" must be true or false, got ${show('orthogonalise')}`);
    }
    return { type: 'mlp', rule, units, stepScale, schedule, orthogonalise };
  },
};
