/** Domains of swept parameters: the search space. */
import { exp, log } from '../../shared/elementary.js';
import { normalQuantile } from './normal.js';

/** A value of a parameter. Lists, such as layers, are text: "20,20". */
export type ParameterValue = number | string | boolean;

/** The values of a trial's parameters, by name. */
export type Parameters = Readonly<Record<string, ParameterValue>>;

/** One of several choices. */
export interface CategoricalDomain {
  type: 'categorical';
  choices: readonly ParameterValue[];
  /** One for each choice; they sum to 1. */
  probabilities: readonly number[];
}

/** X is uniform or, if `log`, ln X is. */
export interface UniformDomain {
  type: 'uniform';
  log: boolean;
  /** Least and greatest value, both included. With a step, both are multiples of it. */
  low: number;
  high: number;
  /** Values are multiples of it, equally likely unless `log`. Null: any value. */
  step: number | null;
}

/** X is normal or, if `log`, ln X is; cut off at TAIL deviations. */
export interface NormalDomain {
  type: 'normal';
  log: boolean;
  mean: number;
  deviation: number;
  /** Values are rounded to multiples of it. */
  step: number | null;
}

export type NumericDomain = UniformDomain | NormalDomain;
export type Domain = CategoricalDomain | NumericDomain;

/** A swept parameter. */
export interface Parameter {
  name: string;
  domain: Domain;
}

/** A search space: its parameters in file order. */
export type Space = readonly Parameter[];

/** Deviations at which a normal domain is cut off; a uniform draw of 53 bits reaches no further. */
export const TAIL = 8;

/** The scale on which a numeric domain is searched: X itself or ln X. */
export interface Axis {
  /** Ends; with a step, half a step beyond the least and greatest value. */
  low: number;
  high: number;
  /** Prior mean and deviation: the middle and width of the range, or the normal domain's own. */
  mean: number;
  deviation: number;
}

/** The axis of a numeric domain. */
export function axisOf(domain: NumericDomain): Axis {
  if (domain.type === 'normal') {
    const { mean, deviation } = domain;
    return { low: mean - TAIL * deviation, high: mean + TAIL * deviation, mean, deviation };
  }
  const half = (domain.step ?? 0) / 2;
  const low = scaled(domain, domain.low - half);
  const high = scaled(domain, domain.high + half);
  return { low, high, mean: (low + high) / 2, deviation: high - low };
}

/** The position of a value on its domain's axis. */
export function scaled({ log: logarithmic }: NumericDomain, value: number): number {
  return logarithmic ? log(value) : value;
}

/** The value of the domain nearest to a position on its axis. */
export function valueAt(domain: NumericDomain, place: number): number {
  return nearest(domain, domain.log ? exp(place) : place);
}

/** The value of a numeric domain nearest to any number. */
export function nearest(domain: NumericDomain, value: number): number {
  const { step } = domain;
  const rounded = step === null ? value : multiple(Math.round(value / step), step);
  // values of a logarithmic domain are above 0
  if (domain.type === 'normal') return domain.log && step !== null ? Math.max(rounded, step) : rounded;
  return Math.min(Math.max(rounded, domain.low), domain.high);
}

/** k·step without rounding noise in the last digits, as in 3·0.1. */
export function multiple(k: number, step: number): number {
  return Number((k * step).toPrecision(14));
}

/** The domain's quantile function: turns u, uniform in (0, 1), into a value drawn from the domain. */
export function fromUniform(domain: Domain, u: number): ParameterValue {
  if (domain.type === 'categorical') return domain.choices[pick(domain.probabilities, u)]!;
  const { low, high, mean, deviation } = axisOf(domain);
  if (domain.type === 'uniform') return valueAt(domain, low + u * (high - low));
  return valueAt(domain, Math.min(Math.max(mean + deviation * normalQuantile(u), low), high));
}

/** The index that a uniform draw picks according to the probabilities. */
export function pick(probabilities: ArrayLike<number>, u: number): number {
  let sum = 0;
  let last = 0;
  for (let i = 0; i < probabilities.length; i++) {
    if (probabilities[i]! <= 0) continue;
    sum += probabilities[i]!;
    if (u < sum) return i;
    last = i; // if rounding leaves the sum below 1
  }
  return last;
}

/** How many values a domain has; Infinity if it is not finite. */
export function sizeOf(domain: Domain): number {
  if (domain.type === 'categorical') return domain.choices.length;
  if (domain.type === 'normal' || domain.step === null) return Number.POSITIVE_INFINITY;
  return Math.round((domain.high - domain.low) / domain.step) + 1;
}

/** Value k, from 0, of a finite domain, in ascending order or in the order of the choices. */
export function nthValue(domain: Domain, k: number): ParameterValue {
  if (domain.type === 'categorical') return domain.choices[k]!;
  if (domain.type === 'normal' || domain.step === null)
    throw new RangeError('Cannot count the values of an infinite domain');
  const { step } = domain;
  return nearest(domain, multiple(Math.round(domain.low / step) + k, step));
}
