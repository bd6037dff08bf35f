/**
 * Parzen estimators of where good trials, or the others, lie (Bergstra et al. 2011, "Algorithms for hyper-parameter
 * optimization"; bandwidths and weights as in Optuna): a kernel per trial, and one for the prior.
 */
import { exp, log } from '../../../shared/elementary.js';
import {
  type Axis,
  axisOf,
  type CategoricalDomain,
  type Domain,
  type NumericDomain,
  type ParameterValue,
  pick,
  scaled,
  valueAt,
} from '../domain.js';
import type { Draws } from '../draws.js';
import { LOG_SQRT_TAU, normalCdf, normalMass, normalQuantile } from '../normal.js';

/** The kernels of one parameter. */
interface Kernels {
  /** A value drawn from kernel k by a uniform draw. */
  draw(k: number, u: number): ParameterValue;
  /** Adds to `sums`[k] ln of kernel k's density at the value, or ln of its mass for a discrete domain. */
  addLogs(value: ParameterValue, sums: Float64Array): void;
}

/** A mixture of products of kernels over parameters. */
export interface ParzenEstimator {
  /** Values of all parameters, in order. Uses draws from `counter` on: one for the kernel, then one per parameter. */
  draw(draws: Draws, counter: number): ParameterValue[];
  /** ln of the density at the parameters' values. */
  logDensity(values: readonly ParameterValue[]): number;
}

// the latest trials, which have full weight
const RECENT = 25;

/** Weights of n trials from the oldest: 1 for the latest 25, fading to 1/n before those (Bergstra et al. 2013). */
function weightsOf(n: number): number[] {
  const old = Math.max(n - RECENT, 0);
  const ramp = (i: number) => (old === 1 ? 1 / n : 1 / n + ((1 - 1 / n) * i) / (old - 1));
  return Array.from({ length: n }, (_, i) => (i < old ? ramp(i) : 1));
}

/**
 * @param domains of the parameters
 * @param trials the values of every trial, in the order of `domains`, from the oldest
 */
export function parzenEstimator(
  domains: readonly Domain[],
  trials: readonly (readonly ParameterValue[])[],
): ParzenEstimator {
  // the last kernel is the prior
  const weights = [...weightsOf(trials.length), 1];
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const probabilities = weights.map((weight) => weight / total);
  const logs = Float64Array.from(probabilities, log);
  const kernels = domains.map((domain, i) => {
    const observed = trials.map((values) => values[i]!);
    return domain.type === 'categorical'
      ? categoricalKernels(domain, observed)
      : normalKernels(domain, observed as number[]);
  });
  return {
    draw(draws, counter) {
      const k = pick(probabilities, draws(counter));
      return kernels.map((kernel, i) => kernel.draw(k, draws(counter + 1 + i)));
    },
    logDensity(values) {
      const sums = logs.slice();
      for (const [i, kernel] of kernels.entries()) kernel.addLogs(values[i]!, sums);
      return logSumExp(sums);
    },
  };
}

function logSumExp(values: Float64Array): number {
  const most = values.reduce((a, b) => Math.max(a, b));
  if (most === Number.NEGATIVE_INFINITY) return most;
  // terms below e^−40 of the greatest do not change the sum
  return most + log(values.reduce((sum, value) => (value < most - 40 ? sum : sum + exp(value - most)), 0));
}

/** Kernel k puts 1 on its trial's choice and 1/n, distributed like the prior, over all choices. */
function categoricalKernels(
  { choices, probabilities }: CategoricalDomain,
  observed: readonly ParameterValue[],
): Kernels {
  const prior = probabilities.map((probability) => (probability * choices.length) / (observed.length + 1));
  const rows = [...observed.map((value) => choices.indexOf(value)), -1].map((choice) => {
    const row = prior.map((weight, c) => (c === choice ? weight + 1 : weight));
    const sum = row.reduce((a, b) => a + b, 0);
    return row.map((weight) => weight / sum);
  });
  return {
    draw: (k, u) => choices[pick(rows[k]!, u)]!,
    addLogs(value, sums) {
      const choice = choices.indexOf(value);
      for (let k = 0; k < sums.length; k++) sums[k]! += log(rows[k]![choice]!);
    },
  };
}

/** Kernel k is a normal distribution around its trial's position on the axis, cut off at the ends of the axis. */
function normalKernels(domain: NumericDomain, observed: readonly number[]): Kernels {
  const axis = axisOf(domain);
  const { low, high } = axis;
  const places = observed.map((value) => scaled(domain, value));
  const means = Float64Array.from([...places, axis.mean]);
  const deviations = Float64Array.from([...deviationsOf(places, axis), axis.deviation]);
  const below = means.map((mean, k) => normalCdf((low - mean) / deviations[k]!));
  const masses = means.map((mean, k) => normalMass((low - mean) / deviations[k]!, (high - mean) / deviations[k]!));
  const logMasses = masses.map(log);
  const logScales = deviations.map((deviation, k) => LOG_SQRT_TAU + log(deviation) + logMasses[k]!);
  return {
    draw(k, u) {
      const place = means[k]! + deviations[k]! * normalQuantile(below[k]! + u * masses[k]!);
      return valueAt(domain, Math.min(Math.max(place, low), high));
    },
    addLogs(value, sums) {
      const { step } = domain;
      if (step === null) {
        const place = scaled(domain, value as number);
        for (let k = 0; k < sums.length; k++) {
          const z = (place - means[k]!) / deviations[k]!;
          sums[k]! -= 0.5 * z * z + logScales[k]!;
        }
        return;
      }
      const left = scaled(domain, (value as number) - step / 2);
      const right = scaled(domain, (value as number) + step / 2);
      for (let k = 0; k < sums.length; k++) {
        const deviation = deviations[k]!;
        sums[k]! += log(normalMass((left - means[k]!) / deviation, (right - means[k]!) / deviation)) - logMasses[k]!;
      }
    },
  };
}

/**
 * The bandwidth at a position is the larger distance to its neighbours, or to the axis' ends if it is the only one.
 * It is at least the prior's over min(100, number of kernels + 1), and at most the prior's.
 */
function deviationsOf(places: readonly number[], { low, high, deviation }: Axis): number[] {
  const sorted = places
    .map((place, index) => ({ place, index }))
    .sort((a, b) => a.place - b.place || a.index - b.index);
  const least = deviation / Math.min(100, places.length + 2);
  const result = new Array<number>(places.length);
  for (const [rank, { place, index }] of sorted.entries()) {
    const ends = sorted.length > 1 ? undefined : { low: place - low, high: high - place };
    const left = rank > 0 ? place - sorted[rank - 1]!.place : ends?.low;
    const right = rank < sorted.length - 1 ? sorted[rank + 1]!.place - place : ends?.high;
    result[index] = Math.min(Math.max(left ?? 0, right ?? 0, least), deviation);
  }
  return result;
}
