/** What a swept parameter may be: the domains of a search space. */
import { exp, log } from '../../shared/elementary.js';
import { normalQuantile } from './normal.js';

/** A value of a parameter. Lists, as of layers, are their text: "20,20". */
export type ParameterValue = number | string | boolean;

/** The values of a trial's parameters, by name. */
export type Parameters = Readonly<Record<string, ParameterValue>>;

/** One of a few values. */
export interface CategoricalDomain {
  type: 'categorical';
  choices: readonly ParameterValue[];
  /** Of the choices; they sum to 1. */
  probabilities: readonly number[];
}

/** X or, where `log`, ln X is uniform. */
export interface UniformDomain {
  type: 'uniform';
  log: boolean;
  /** Least and greatest value, both included. With a step both are multiples of it. */
  low: number;
  high: number;
  /** Values are multiples of it; each as likely where not `log`. Null: any value. */
  step: number | null;
}

/** X or, where `log`, ln X is normal, cut off at TAIL deviations. */
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

/** A parameter that is swept. */
export interface Parameter {
  name: string;
  domain: Domain;
}

/** A search space: its parameters in the order of the file. */
export type Space = readonly Parameter[];

/** Deviations beyond which a normal domain has no values; a uniform draw of 53 bits gets no further. */
export const TAIL = 8;

/** The scale on which a numeric domain is searched: X itself or ln X. */
export interface Axis {
  /** Ends; with a step, half of one beyond the least and greatest value. */
  low: number;
  high: number;
  /** Where values are expected before anything is known: the middle of the range, or a normal domain's own. */
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

/** The place of a value on its domain's axis. */
export function scaled({ log: logarithmic }: NumericDomain, value: number): number {
  return logarithmic ? log(value) : value;
}

/** The nearest value of the domain to a place on its axis. */
export function valueAt(domain: NumericDomain, place: number): number {
  return nearest(domain, domain.log ? exp(place) : place);
}

/** The nearest value of a numeric domain to any number. */
export function nearest(domain: NumericDomain, value: number): number {
  const { step } = domain;
  const rounded = step === null ? value : multiple(Math.round(value / step), step);
  // a logarithmic domain has no value that is not above 0
  if (domain.type === 'normal') return domain.log && step !== null ? Math.max(rounded, step) : rounded;
  return Math.min(Math.max(rounded, domain.low), domain.high);
}

/** k·step without the noise of its last digits, as in 3·0.1. */
export function multiple(k: number, step: number): number {
  return Number((k * step).toPrecision(14));
}

/** The domain's quantile: a value drawn from it where u is uniform in (0, 1). */
export function fromUniform(domain: Domain, u: number): ParameterValue {
  if (domain.type === 'categorical') return domain.choices[pick(domain.probabilities, u)]!;
  const { low, high, mean, deviation } = axisOf(domain);
  if (domain.type === 'uniform') return valueAt(domain, low + u * (high - low));
  return valueAt(domain, Math.min(Math.max(mean + deviation * normalQuantile(u), low), high));
}

/** The index that a uniform draw picks by probabilities. */
export function pick(probabilities: ArrayLike<number>, u: number): number {
  let sum = 0;
  let last = 0;
  for (let i = 0; i < probabilities.length; i++) {
    if (probabilities[i]! <= 0) continue;
    sum += probabilities[i]!;
    if (u < sum) return i;
    last = i; // where rounding leaves the sum below 1
  }
  return last;
}

/** How many values a domain has; Infinity where it is not a finite set. */
export function sizeOf(domain: Domain): number {
  if (domain.type === 'categorical') return domain.choices.length;
  if (domain.type === 'normal' || domain.step === null) return Number.POSITIVE_INFINITY;
  return Math.round((domain.high - domain.low) / domain.step) + 1;
}

/** Value k, from 0, of a finite domain, in ascending order or that of the choices. */
export function nthValue(domain: Domain, k: number): ParameterValue {
  if (domain.type === 'categorical') return domain.choices[k]!;
  if (domain.type === 'normal' || domain.step === null)
    throw new RangeError('Cannot count the values of an infinite domain');
  const { step } = domain;
  return nearest(domain, multiple(Math.round(domain.low / step) + k, step));
}
