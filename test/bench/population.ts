/**
 * `npm run bench:population`: samplers and schedulers on functions whose least value is known. Regret is what is left to it;
 * medians over seeds. Optuna is measured beside them where LOPT_PYTHON, or python3, has it.
 */

import type { Space } from '../../coordinator/population/domain.js';
import type { SweepPlan } from '../../coordinator/population/plan.js';
import { randomSampler } from '../../coordinator/population/samplers/random.js';
import type { Sampler } from '../../coordinator/population/samplers/sampler.js';
import { sobolSampler } from '../../coordinator/population/samplers/sobol.js';
import { tpeSampler } from '../../coordinator/population/samplers/tpe.js';
import { messageOf } from '../../shared/errors.js';
import { CLOSED_FORMS, median, regret } from '../fixtures/closed-forms.js';
import { equalWork } from '../fixtures/equal-work.js';
import { runPython } from '../fixtures/python.js';
import { TOY_STEPS, toyBest } from '../fixtures/toy-population.js';

const SEEDS = Number(process.argv[2] ?? 20);
const TRIALS = Number(process.argv[3] ?? 80);

const SAMPLERS: Readonly<Record<string, (space: Space, seed: number) => Sampler>> = {
  random: randomSampler,
  sobol: sobolSampler,
  tpe: tpeSampler,
  'tpe, univariate': (space, seed) => tpeSampler(space, seed, { multivariate: false }),
};

const seeds = Array.from({ length: SEEDS }, (_, seed) => seed);
const print = (text: string) => process.stdout.write(`${text}\n`);
const cell = (value: number) => value.toPrecision(3).padStart(12);

print(`regret after ${TRIALS} trials, medians over ${SEEDS} seeds`);
print(['', ...Object.keys(CLOSED_FORMS)].map((name, i) => (i === 0 ? name.padEnd(18) : name.padStart(12))).join(''));
for (const [name, make] of Object.entries(SAMPLERS)) {
  const row = Object.values(CLOSED_FORMS).map((form) =>
    cell(median(seeds.map((seed) => regret(form, make(form.space, seed), TRIALS)))),
  );
  print(name.padEnd(18) + row.join(''));
}
try {
  const optuna = runPython('optuna_regret.py', String(SEEDS), String(TRIALS)) as Record<
    string,
    Record<string, number[]>
  >;
  for (const [name, regrets] of Object.entries(optuna)) {
    print(
      name.padEnd(18) +
        Object.keys(CLOSED_FORMS)
          .map((form) => cell(median(regrets[form]!)))
          .join(''),
    );
  }
} catch (error) {
  print(`Optuna was not measured: ${messageOf(error).split('\n')[0]}`);
}

const SCHEDULERS: SweepPlan['scheduler'][] = [
  { type: 'successive-halving', leastRounds: 3, eta: 3 },
  { type: 'asha', leastRounds: 3, eta: 3 },
  { type: 'hyperband', leastRounds: 3, eta: 3 },
  { type: 'median', every: 9, leastRounds: 9, leastTrials: 5 },
  { type: 'share', checks: [3, 9, 27, 81], eta: 3 },
];
print(`\nlearning curves that cross, 27 trials, of hyperband 49: regret, and that of random search of as many rounds`);
print(
  `${'scheduler'.padEnd(22)}${'rounds'.padStart(8)}${'regret'.padStart(12)}${'random'.padStart(12)}  share of seeds ahead`,
);
for (const scheduler of SCHEDULERS) {
  const pairs = seeds.map((seed) => equalWork(scheduler, seed));
  const rounds = median(pairs.map((pair) => pair.rounds));
  const ahead = pairs.filter((pair) => pair.scheduled < pair.random).length / pairs.length;
  const medians = [median(pairs.map((pair) => pair.scheduled)), median(pairs.map((pair) => pair.random))];
  print(`${scheduler.type.padEnd(22)}${String(rounds).padStart(8)}${medians.map(cell).join('')}  ${ahead}`);
}

print(`\npopulation-based training on the quadratic of its paper, ${TOY_STEPS} steps, the optimum is 1.2: medians`);
const trained = await Promise.all(seeds.map(toyBest));
const values = (key: 'population' | 'alone') => median(trained.map((each) => each[key])).toFixed(4);
print(`two members: ${values('population')}, alone ${values('alone')}`);
