/**
 * Several families at once: every episode of a shard draws one by its weight, and φ learns from all of them. Losses are
 * averaged unscaled, so a family with large losses counts for more, unless `normalise` puts them in units of f(θ_0).
 */
import { checkWeights } from '../../shared/check.js';
import { UsageError } from '../../shared/errors.js';
import type { OptionRow } from '../../shared/options/option.js';
import { rowsByAdvice } from '../../shared/options/table.js';
import { mixtureOf, weighted } from './mixture.js';
import type {
  LossNormalisation,
  Mixture,
  OptionSpec,
  OptionValues,
  ProblemFamily,
  Problems,
  TrainingDefaults,
  TrainingNumbers,
} from './problem.js';

const NAME = 'mix';
const TASK = `Cannot configure ${NAME}`;

const FAMILIES_OPTION = {
  type: 'weights',
  default: 'quadratic=1,rosenbrock=1',
  describe:
    'families and their weights; set an option of one with --problem.FAMILY.NAME, as in --problem.quadratic.dimension 5',
} as const satisfies OptionSpec;

const NORMALISE_OPTION = {
  type: 'choice',
  default: 'none',
  choices: ['none', 'initial', 'log'],
  describe:
    'in what unit losses enter the meta-loss: their own; over f of the first step; or the logarithm of that, so that no family counts for more. Only with estimators that go forward alone',
} as const satisfies OptionSpec;

/** A family of the mix, drawn with probability weight / Σ weights. */
interface Component {
  family: ProblemFamily;
  weight: number;
}

/**
 * The family `mix` over the families that `familyFor` finds, by name and options. Its options beside `families`, and its
 * defaults, depend on the families named and on their options. Throws UsageError if one is unknown or is `mix` itself.
 */
export function createMix(
  familyFor: (name: string, given: Readonly<Record<string, unknown>>) => ProblemFamily,
): ProblemFamily {
  const general: ProblemFamily = {
    name: NAME,
    summary: 'several families, of which every episode draws one by its weight',
    options: { families: FAMILIES_OPTION, normalise: NORMALISE_OPTION },
    training: {},
    forOptions(given) {
      const weights = checkWeights(TASK, 'families', given['families'] ?? FAMILIES_OPTION.default);
      const components = weights.map(([name, weight]): Component => {
        if (name === NAME) throw new UsageError(`${TASK}: "families" must not name ${NAME} itself`);
        return { family: familyFor(name, ownOf(name, given)), weight };
      });
      return mixOf(general, components);
    },
    configure: (options) => general.forOptions!(options).configure(options),
  };
  return general;
}

/** The mix of these families. */
function mixOf(general: ProblemFamily, components: readonly Component[]): ProblemFamily {
  const own = components.flatMap(({ family: { name, options } }) =>
    Object.entries(options).map(([option, spec]) => [`${name}.${option}`, spec] as const),
  );
  return {
    name: general.name,
    summary: general.summary,
    options: { ...general.options, ...Object.fromEntries(own) },
    training: trainingOf(components.map(({ family }) => family.training)),
    async configure(options) {
      const problems = await Promise.all(components.map(({ family }) => family.configure(optionsOf(family, options))));
      const mixture = weighted(
        problems,
        components.map(({ weight }) => weight),
      );
      return { ...mixtureOf(normalised(mixture, options)), dataHashes: hashesOf(components, problems) };
    },
  };
}

/** The options of one family of the mix, without its name. */
function optionsOf({ name, options: specs }: ProblemFamily, options: OptionValues): OptionValues {
  // a worker is told where its data lie before it knows the families
  const everywhere = Object.entries(options).filter(([option]) => specs[option]?.type === 'folder');
  return { ...ownOf(name, options), ...Object.fromEntries(everywhere) };
}

/** What begins with the name of a family, without it. */
function ownOf<Value>(name: string, options: Readonly<Record<string, Value>>): Record<string, Value> {
  const prefix = `${name}.`;
  const own = Object.entries(options).filter(([option]) => option.startsWith(prefix));
  return Object.fromEntries(own.map(([option, value]) => [option.slice(prefix.length), value]));
}

/** The mixture with the unit in which the losses of its components enter the meta-loss. */
function normalised(mixture: Mixture, { normalise }: OptionValues): Mixture {
  if (normalise === undefined || normalise === 'none') return mixture;
  const lossNormalisation = normalise as LossNormalisation;
  return { ...mixture, components: mixture.components.map((problems) => ({ ...problems, lossNormalisation })) };
}

/** The hashes of all data files, by family: two may have files of the same name. */
function hashesOf(components: readonly Component[], problems: readonly Problems[]): Record<string, string> {
  const named = components.flatMap(({ family: { name } }, i) =>
    Object.entries(problems[i]!.dataHashes ?? {}).map(([file, hash]) => [`${name}.${file}`, hash] as const),
  );
  return Object.fromEntries(named);
}

/** How the numbers of several families become one. */
const MIXED: Readonly<Record<NonNullable<OptionRow['mixed']>, (values: readonly number[]) => number>> = {
  least: (values) => Math.min(...values),
  most: (values) => Math.max(...values),
  sum: (values) => values.reduce((sum, value) => sum + value),
};

/** What the most demanding of the families can do with. */
function trainingOf(all: readonly TrainingDefaults[]): TrainingDefaults {
  const dropped = combined(all.map(({ firstOrder, ...rest }) => ({ ...rest, ...firstOrder })));
  // if one family is better off without second derivatives, so is the mix
  if (!all.every(({ secondDerivatives }) => secondDerivatives)) return dropped;
  const kept = combined(all);
  const others = Object.entries(dropped).filter(([name, value]) => kept[name as keyof TrainingNumbers] !== value);
  return { ...kept, secondDerivatives: true, firstOrder: Object.fromEntries(others) };
}

/** The numbers that any of the families advises, each as its option has it. */
function combined(all: readonly TrainingNumbers[]): TrainingNumbers {
  const numbers = [...rowsByAdvice()].flatMap(([name, [{ kind, mixed = 'least' }]]) => {
    if (kind.type !== 'number') return [];
    const values = all.flatMap((training) => training[name as keyof TrainingNumbers] ?? []);
    return values.length === 0 ? [] : [[name, MIXED[mixed](values)] as const];
  });
  return Object.fromEntries(numbers);
}
