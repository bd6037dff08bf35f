/**
 * Which parameters mattered: PED-ANOVA (Watanabe, Bansal and Hutter 2023, arXiv 2304.10255), with the numbers of Optuna's
 * PedAnovaImportanceEvaluator. A parameter matters if its values among the best trials are distributed differently.
 */
import { exp, log } from '../../shared/elementary.js';
import {
  axisOf,
  type Domain,
  type NumericDomain,
  type Parameters,
  type ParameterValue,
  type Space,
  scaled,
} from './domain.js';
import { normalMass } from './normal.js';

// the most cells that a numeric axis is divided into
const CELLS = 50;
// the share of the trials that count as the best
const TARGET = 0.1;
// deviations of a normal domain that the cells cover
const SPREAD = 3;

export interface Importance {
  name: string;
  /** Pearson divergence of the best trials' values from all trials', times the square of the best trials' share. */
  value: number;
  /** Share of the sum over all parameters; 0 if nothing mattered. */
  share: number;
}

/**
 * The importance of every parameter, the greatest first.
 *
 * @param trials that ran in full, with their costs; those without a finite cost are left out
 */
export function importances(space: Space, trials: readonly { parameters: Parameters; cost: number }[]): Importance[] {
  const finite = trials.filter(({ cost }) => Number.isFinite(cost));
  const costs = finite.map(({ cost }) => cost).sort((a, b) => a - b);
  const cutoff = costs[Math.ceil(TARGET * costs.length) - 1] ?? Number.NaN;
  const best = finite.filter(({ cost }) => cost <= cutoff);
  const quantile = finite.length > 0 ? best.length / finite.length : 0;
  const values = space.map(({ name, domain }) => {
    const cells = (some: typeof finite) => some.map(({ parameters }) => cellOf(domain, parameters[name]!));
    const enough = finite.length > 1 && cellsOf(domain) > 1;
    return { name, value: enough ? quantile ** 2 * divergence(domain, cells(best), cells(finite)) : 0 };
  });
  const total = values.reduce((sum, { value }) => sum + value, 0);
  return values
    .map(({ name, value }) => ({ name, value, share: total > 0 ? value / total : 0 }))
    .sort((a, b) => b.value - a.value);
}

/** Σ q·(p/q − 1)² for the densities p of the best trials and q of all (theorem 1 of the paper). */
function divergence(domain: Domain, best: readonly number[], all: readonly number[]): number {
  const p = density(domain, best);
  const q = density(domain, all);
  return q.reduce((sum, each, cell) => sum + each * (p[cell]! / each - 1) ** 2, 0);
}

/** How many cells a domain is divided into. */
function cellsOf(domain: Domain): number {
  if (domain.type === 'categorical') return domain.choices.length;
  if (domain.step === null || domain.type === 'normal') return CELLS;
  const { low, high, step } = domain;
  if (domain.log) return Math.min(Math.ceil(log(high - low + 1) / Math.LN2) + 1, CELLS);
  return Math.min(Math.round((high - low) / step) + 1, CELLS);
}

function cellOf(domain: Domain, value: ParameterValue): number {
  if (domain.type === 'categorical') return domain.choices.indexOf(value);
  const [low, high] = endsOf(domain);
  const count = cellsOf(domain);
  const cell = Math.ceil(((scaled(domain, value as number) - low) / (high - low)) * (count - 1) - 0.5);
  return Math.min(Math.max(cell, 0), count - 1);
}

function endsOf(domain: NumericDomain): [number, number] {
  if (domain.type === 'uniform') return [scaled(domain, domain.low), scaled(domain, domain.high)];
  const { mean, deviation } = axisOf(domain);
  return [mean - SPREAD * deviation, mean + SPREAD * deviation];
}

/** Parzen estimate over the cells: one kernel per occupied cell, and one for the prior with the weight of a trial. */
function density(domain: Domain, cells: readonly number[]): number[] {
  const size = cellsOf(domain);
  const counts = new Array<number>(size).fill(0);
  for (const cell of cells) counts[cell]! += 1;
  const taken = counts.flatMap((count, cell) => (count > 0 ? [cell] : []));
  const kernels = domain.type === 'categorical' ? choiceKernels(taken, size) : normalKernels(taken, counts, size);
  const weights = [...taken.map((cell) => counts[cell]!), 1];
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  // 1e-12 as in Optuna, to avoid 0/0
  return Array.from(
    { length: size },
    (_, cell) => kernels.reduce((sum, kernel, k) => sum + (weights[k]! / total) * kernel(cell), 0) + 1e-12,
  );
}

type Kernel = (cell: number) => number;

function choiceKernels(taken: readonly number[], size: number): Kernel[] {
  const prior = 1 / (taken.length + 1);
  const kernels = taken.map(
    (own): Kernel =>
      (cell) =>
        (prior + (cell === own ? 1 : 0)) / (size * prior + 1),
  );
  return [...kernels, () => 1 / size];
}

/** Discrete normal kernels with Scott's bandwidth (Scott 1992), but wide enough that no cell gets more than 90 %. */
function normalKernels(taken: readonly number[], counts: readonly number[], size: number): Kernel[] {
  const weights = taken.map((cell) => counts[cell]!);
  const sum = weights.reduce((a, b) => a + b, 0);
  const mean = taken.reduce((total, cell, k) => total + cell * weights[k]!, 0) / sum;
  const squares = taken.reduce((total, cell, k) => total + weights[k]! * (cell - mean) ** 2, 0);
  const deviation = Math.sqrt(squares / Math.max(1, sum - 1));
  let reached = 0;
  const cumulative = weights.map((weight) => {
    reached += weight;
    return reached;
  });
  const first = cumulative.findIndex((upTo) => upTo >= Math.floor(sum / 4));
  const third = cumulative.findIndex((upTo) => upTo > Math.floor((sum * 3) / 4));
  const range = taken.at(third)! - taken[first]!;
  // sum^(−1/5)
  const scott = 1.059 * Math.min(range / 1.34, deviation) * exp(-0.2 * log(sum));
  const bandwidth = Math.max(scott, 0.5 / 1.64);
  const middle = (size - 1) / 2;
  return [...taken.map((cell) => normalKernel(cell, bandwidth, size)), normalKernel(middle, size, size)];
}

function normalKernel(mean: number, deviation: number, size: number): Kernel {
  const mass = (left: number, right: number) => normalMass((left - mean) / deviation, (right - mean) / deviation);
  const whole = mass(-0.5, size - 0.5);
  return (cell) => mass(cell - 0.5, cell + 0.5) / whole;
}
