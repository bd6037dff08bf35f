/** The tree-structured Parzen estimator (Bergstra et al. 2011), with Optuna's constants. */
import type { ParameterValue, Space } from '../domain.js';
import { drawsOf } from '../draws.js';
import { parzenEstimator } from './parzen.js';
import { randomSampler } from './random.js';
import type { Observation, Sampler } from './sampler.js';

export interface TpeOptions {
  /** Trials that must have reported before the estimator is used; before that, search is random. @default 10 */
  startup?: number;
  /** Candidates drawn from the estimator of the good trials, of which the most promising is taken. @default 24 */
  candidates?: number;
  /** Whether kernels span all parameters together; otherwise each parameter is proposed on its own. @default true */
  multivariate?: boolean;
}

/**
 * Draws candidates from the density l of the best trials and takes the one with the greatest l/g, with g the density of
 * the others: expected improvement grows with l/g. The best are a tenth of the trials that have reported, at most 25.
 * Trials that have not reported count among the others, so that concurrent trials are not proposed twice (the constant
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

/** Orders trials from the best: finite costs first, then more rounds, then lower costs. */
function compare(a: Observation, b: Observation): number {
  const finite = Number(Number.isFinite(b.cost)) - Number(Number.isFinite(a.cost));
  if (finite !== 0) return finite;
  if (a.rounds !== b.rounds) return b.rounds - a.rounds;
  return a.cost === b.cost ? a.number - b.number : a.cost! - b.cost!;
}
