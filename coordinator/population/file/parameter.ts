/** Reads a parameter of a sweep's file, in W&B's format (docs.wandb.ai, "Sweep configuration options"). */
import type { Node } from 'yaml';
import { show } from '../../../shared/check.js';
import { exp } from '../../../shared/elementary.js';
import { type Domain, multiple, type ParameterValue } from '../domain.js';
import type { Entries, Entry, LocatedYaml } from './located.js';

const KEYS = [
  'value',
  'values',
  'probabilities',
  'distribution',
  'min',
  'max',
  'q',
  'mu',
  'sigma',
  'parameters',
] as const;

export const DISTRIBUTIONS = [
  'constant',
  'categorical',
  'int_uniform',
  'uniform',
  'q_uniform',
  'log_uniform',
  'log_uniform_values',
  'q_log_uniform',
  'q_log_uniform_values',
  'inv_log_uniform',
  'inv_log_uniform_values',
  'normal',
  'q_normal',
  'log_normal',
  'q_log_normal',
] as const;

export type Distribution = (typeof DISTRIBUTIONS)[number];

/** A parameter as written in the file. */
export type ParameterEntry =
  | { type: 'constant'; value: ParameterValue; at: Node }
  | { type: 'swept'; domain: Domain; at: Node }
  | { type: 'nested'; entries: Entries };

/** Reads a parameter's entry. Throws FileError with line and column. */
export function readParameter(file: LocatedYaml, { name, key, value }: Entry): ParameterEntry {
  const entries = file.entries(value, `the parameter "${name}"`, KEYS);
  const nested = entries.get('parameters');
  if (nested) {
    const other = [...entries.values()].find((entry) => entry !== nested);
    if (other) file.fail(other.key, `"${name}" has nested parameters, so it must have no "${other.name}"`);
    return { type: 'nested', entries: file.entries(nested.value, `the parameters of "${name}"`) };
  }
  const distribution = distributionOf(file, name, key, entries);
  allow(file, entries, distribution);
  if (distribution === 'constant') {
    const { value: node } = required(file, name, key, entries, 'value');
    return { type: 'constant', value: valueFrom(file, node), at: node };
  }
  if (distribution === 'categorical') return { type: 'swept', domain: categorical(file, name, key, entries), at: key };
  return { type: 'swept', domain: numeric(file, name, key, entries, distribution), at: key };
}

/** The distribution that is named, or implied by the keys. */
function distributionOf(file: LocatedYaml, name: string, key: Node, entries: Entries): Distribution {
  const named = entries.get('distribution');
  if (named) return file.choice(named, DISTRIBUTIONS);
  if (entries.has('value')) return 'constant';
  if (entries.has('values')) return 'categorical';
  const [min, max] = [entries.get('min'), entries.get('max')];
  if (!min || !max)
    file.fail(key, `the parameter "${name}" must have "value", "values", "min" with "max", or a "distribution"`);
  return file.isWrittenWhole(min.value) && file.isWrittenWhole(max.value) ? 'int_uniform' : 'uniform';
}

/** Refuses keys that do not apply to the distribution. */
function allow(file: LocatedYaml, entries: Entries, distribution: Distribution): void {
  const range = distribution.endsWith('normal') ? ['mu', 'sigma'] : ['min', 'max'];
  const allowed: readonly string[] =
    distribution === 'constant'
      ? ['value']
      : distribution === 'categorical'
        ? ['values', 'probabilities']
        : [...range, ...(distribution.startsWith('q_') ? ['q'] : [])];
  const extra = [...entries.values()].find(({ name }) => name !== 'distribution' && !allowed.includes(name));
  if (extra)
    file.fail(
      extra.key,
      `"${extra.name}" does not apply to the distribution ${distribution}; it takes ${allowed.join(', ')}`,
    );
}

function required(file: LocatedYaml, name: string, key: Node, entries: Entries, wanted: string): Entry {
  return entries.get(wanted) ?? file.fail(key, `the parameter "${name}" must have "${wanted}"`);
}

/** A number, text, true or false; a list of numbers becomes text, as in "20,20". */
export function valueFrom(file: LocatedYaml, node: Node): ParameterValue {
  const plain = file.plain(node);
  if (Array.isArray(plain) && plain.length > 0 && plain.every((part) => typeof part === 'number'))
    return plain.join(',');
  if (typeof plain === 'number' && Number.isFinite(plain)) return plain;
  if (typeof plain === 'string' || typeof plain === 'boolean') return plain;
  return file.fail(node, `a value must be a number, text, true, false or a list of numbers, got ${show(plain)}`);
}

function categorical(file: LocatedYaml, name: string, key: Node, entries: Entries): Domain {
  const { value } = required(file, name, key, entries, 'values');
  const nodes = file.items(value, '"values"');
  if (nodes.length === 0) file.fail(value, `the space is empty: "${name}" must have at least one value`);
  const choices = nodes.map((node) => valueFrom(file, node));
  const twice = choices.findIndex((choice, i) => choices.indexOf(choice) < i);
  if (twice >= 0) file.fail(nodes[twice]!, `the value ${show(choices[twice])} of "${name}" must be listed once`);
  return {
    type: 'categorical',
    choices,
    probabilities: probabilitiesOf(file, entries.get('probabilities'), choices.length),
  };
}

function probabilitiesOf(file: LocatedYaml, entry: Entry | undefined, count: number): number[] {
  if (!entry) return new Array<number>(count).fill(1 / count);
  const nodes = file.items(entry.value, '"probabilities"');
  if (nodes.length !== count) {
    file.fail(entry.value, `"probabilities" must have a number for each of the ${count} values, got ${nodes.length}`);
  }
  const weights = nodes.map((value) => file.number({ key: value, name: 'probabilities', value }, { minimum: 0 }));
  const sum = weights.reduce((a, b) => a + b, 0);
  if (Math.abs(sum - 1) > 1e-6) file.fail(entry.value, `"probabilities" must sum to 1, got ${sum}`);
  return weights.map((weight) => weight / sum);
}

function numeric(file: LocatedYaml, name: string, key: Node, entries: Entries, distribution: Distribution): Domain {
  const quantum = entries.get('q');
  const q = quantum ? file.number(quantum, { minimum: 0, exclusive: true }) : 1;
  const step = distribution.startsWith('q_') || distribution === 'int_uniform' ? q : null;
  const log = distribution.includes('log');
  if (distribution.endsWith('normal')) {
    const [mu, sigma] = [entries.get('mu'), entries.get('sigma')];
    const mean = mu ? file.number(mu) : 0;
    const deviation = sigma ? file.number(sigma, { minimum: 0, exclusive: true }) : 1;
    return { type: 'normal', log, mean, deviation, step };
  }
  const min = required(file, name, key, entries, 'min');
  const max = required(file, name, key, entries, 'max');
  const whole = distribution === 'int_uniform';
  const ofValues = log && distribution.endsWith('_values');
  const [least, most] = [min, max].map((entry) =>
    file.number(entry, { integer: whole, ...(ofValues ? { minimum: 0, exclusive: true } : {}) }),
  ) as [number, number];
  if (least >= most)
    file.fail(max.value, `the space is empty: "max" of "${name}" must be above "min" ${least}, got ${most}`);
  // without _values the ends of a logarithmic range are exponents; with inv_ they are those of 1/X
  const ends: [number, number] =
    !log || ofValues
      ? [least, most]
      : distribution.startsWith('inv_')
        ? [exp(-most), exp(-least)]
        : [exp(least), exp(most)];
  const [low, high] = step === null ? ends : inSteps(ends, step, log);
  if (low > high)
    file.fail(key, `the space is empty: no multiple of ${step} lies between "min" and "max" of "${name}"`);
  return { type: 'uniform', log, low, high, step };
}

/** The least and greatest multiple of the step between the ends; above 0 on a logarithmic axis. */
function inSteps([low, high]: [number, number], step: number, log: boolean): [number, number] {
  // an end that equals a multiple of the step up to rounding counts as one
  const first = Math.ceil(Number((low / step).toPrecision(14)));
  const last = Math.floor(Number((high / step).toPrecision(14)));
  return [multiple(log ? Math.max(first, 1) : first, step), multiple(last, step)];
}
