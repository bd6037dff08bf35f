/** A family of which some options have several values: every episode draws one of each. */
import { UsageError } from '../../shared/errors.js';
import { alternativesOf, isSeveral } from './alternatives.js';
import { mixtureOf } from './mixture.js';
import type { OptionSpec, OptionValues, Problems } from './problem.js';
import { streamKey } from './streams.js';

/** The most combinations of the values of all options. */
const MOST_COMBINATIONS = 1024;

/** The most combinations that a fingerprint computes. */
const MOST_PROBES = 4;

/** An option and its values. */
interface Axis {
  name: string;
  values: readonly OptionValues[string][];
}

/**
 * The problems of all combinations of the options' values, of which an episode draws one, each as likely as the others;
 * with one value each, simply the problems. Throws UsageError if there are too many combinations.
 *
 * @param make the problems of options of one value each
 */
export function drawnProblems(
  family: string,
  specs: Readonly<Record<string, OptionSpec>>,
  options: OptionValues,
  make: (options: OptionValues) => Problems,
): Problems {
  const task = `Cannot configure ${family}`;
  const axes = Object.entries(specs).flatMap(([name, spec]): Axis[] => {
    const value = options[name];
    return isSeveral(spec, value) ? [{ name, values: alternativesOf(task, name, spec, value) }] : [];
  });
  if (axes.length === 0) return make(options);
  const count = axes.reduce((product, { values }) => product * values.length, 1);
  if (count > MOST_COMBINATIONS) {
    const names = axes.map(({ name }) => `"${name}"`).join(' and ');
    throw new UsageError(`${task}: ${names} must have at most ${MOST_COMBINATIONS} combinations, got ${count}`);
  }
  const components = Array.from({ length: count }, (_, index) => make({ ...options, ...combination(axes, index) }));
  const { dataHashes } = components[0]!;
  return {
    ...mixtureOf({
      components,
      pick: (key) => Math.floor((streamKey(key, 'alternatives', 0)[0] / 2 ** 32) * count),
      probes: probesOf(axes),
    }),
    ...(dataHashes && { dataHashes }),
  };
}

/** The values of a combination: the digits of its number, the first option's the slowest. */
function combination(axes: readonly Axis[], index: number): OptionValues {
  let rest = index;
  const entries = axes.toReversed().map(({ name, values }) => {
    const digit = rest % values.length;
    rest = (rest - digit) / values.length;
    return [name, values[digit]!] as const;
  });
  return Object.fromEntries(entries);
}

/** Combinations of the i-th value of every option, so that few of them show many values. */
function probesOf(axes: readonly Axis[]): number[] {
  const longest = Math.max(...axes.map(({ values }) => values.length));
  return Array.from({ length: Math.min(MOST_PROBES, longest) }, (_, i) =>
    axes.reduce((index, { values }) => index * values.length + (i % values.length), 0),
  );
}
