/** The tree-structured Parzen estimator (Bergstra et al. 2011), with the numbers of Optuna. */
import type { ParameterValue, Space } from '../domain.js';
import { drawsOf } from '../draws.js';
import { parzenEstimator } from './parzen.js';
import { randomSampler } from './random.js';
import type { Observation, Sampler } from './sampler.js';

export interface TpeOptions {
  /** Trials that must have reported before the estimator is used; until then search is random. @default 10 */
  startup?: number;
  /** Values drawn from the good ones' estimator, of which the most promising is taken. @default 24 */
  candidates?: number;
  /** Whether kernels span all parameters together; else each parameter is proposed by itself. @default true */
  multivariate?: boolean;
}

/**
 * Takes the candidate, drawn from the density l of the best trials, that is the likeliest under l against the density g of
 * the others: expected improvement grows with l/g. The best are a tenth of those that have reported, at most 25. Trials
 * that have not reported count with the others, so that what runs at the same time is not proposed twice (the constant
 * liar of Ginsbourger et al. 2010).
 */
export function tpeSampler(
  space: Space,
  seed: number,
  { startup = 10, candidates = 24, multivariate = true }: TpeOptions = {},
): Sampler {
  const random = randomSampler(space, seed);
  const groups = multivariate ? [space] : space.map((parameter) => [parameter]);
  return {
    adaptive: true,
    ask(number, history) {
      const reported = history.filter(({ cost }) => cost !== null);
      if (reported.length < startup) return random.ask(number, history);
      const size = Math.min(Math.ceil(0.1 * reported.length), 25);
      const best = new Set(reported.toSorted(compare).slice(0, size));
      const entries = groups.flatMap((group) => propose(group, history, best, number));
      return Object.fromEntries(entries);
    },
  };

  function propose(
    group: Space,
    history: readonly Observation[],
    best: ReadonlySet<Observation>,
    number: number,
  ): [string, ParameterValue][] {
    const domains = group.map(({ domain }) => domain);
    const values = ({ parameters }: Observation) => group.map(({ name }) => parameters[name]!);
    const good = parzenEstimator(domains, history.filter((trial) => best.has(trial)).map(values));
    const others = parzenEstimator(domains, history.filter((trial) => !best.has(trial)).map(values));
    const draws = drawsOf(seed, number, `tpe ${group.map(({ name }) => name).join(' ')}`);
    let chosen: ParameterValue[] = [];
    let greatest = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < candidates; c++) {
      const candidate = good.draw(draws, c * (group.length + 1));
      const ratio = good.logDensity(candidate) - others.logDensity(candidate);
      if (c > 0 && !(ratio > greatest)) continue;
      chosen = candidate;
      greatest = ratio;
    }
    return group.map(({ name }, i) => [name, chosen[i]!]);
  }
}

/** Orders trials from the best: a finite cost first, then more rounds, then the lower cost. */
function compare(a: Observation, b: Observation): number {
  const finite = Number(Number.isFinite(b.cost)) - Number(Number.isFinite(a.cost));
  if (finite !== 0) return finite;
  if (a.rounds !== b.rounds) return b.rounds - a.rounds;
  return a.cost === b.cost ? a.number - b.number : a.cost! - b.cost!;
}
