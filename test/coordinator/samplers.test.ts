import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { Domain, Parameters, ParameterValue, Space } from '../../coordinator/population/domain.js';
import { fromUniform, sizeOf } from '../../coordinator/population/domain.js';
import { drawsOf } from '../../coordinator/population/draws.js';
import { importances } from '../../coordinator/population/importance.js';
import { normalCdf, normalQuantile } from '../../coordinator/population/normal.js';
import { gridSampler, gridSize } from '../../coordinator/population/samplers/grid.js';
import { parzenEstimator } from '../../coordinator/population/samplers/parzen.js';
import { randomSampler } from '../../coordinator/population/samplers/random.js';
import type { Observation, Sampler } from '../../coordinator/population/samplers/sampler.js';
import { SOBOL_DIMENSIONS, sobolBits, sobolSampler } from '../../coordinator/population/samplers/sobol.js';
import { tpeSampler } from '../../coordinator/population/samplers/tpe.js';
import { CLOSED_FORMS, median, regret, uniform } from '../fixtures/closed-forms.js';

/** optuna_values.py made it. */
interface Values {
  normal: { x: number[]; cdf: number[]; p: number[]; quantile: number[] };
  sobol: Record<string, number[]>;
  parzen: { names: string[]; trials: Parameters[]; points: Parameters[]; logs: number[] }[];
  importance: { trials: { parameters: Parameters; cost: number }[]; values: Record<string, number> }[];
}

const VALUES = JSON.parse(
  readFileSync(new URL('../../../test/fixtures/optuna_values.json', import.meta.url), 'utf8'),
) as Values;

const DOMAINS: Readonly<Record<string, Domain>> = {
  x: uniform(-2, 6),
  rate: uniform(1e-5, 1, true),
  units: uniform(4, 40, false, 4),
  depth: uniform(1, 64, true, 1),
  kind: { type: 'categorical', choices: ['p', 'q', 'r'], probabilities: [1 / 3, 1 / 3, 1 / 3] },
};

const SPACE: Space = Object.entries(DOMAINS).map(([name, domain]) => ({ name, domain }));

function assertNear(actual: number, expected: number, tolerance: number, what: string): void {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${what}: ${actual}, and not ${expected}`);
}

describe('normalCdf() and normalQuantile()', () => {
  it('agree with SciPy', () => {
    const { x, cdf, p, quantile } = VALUES.normal;
    for (const [i, each] of x.entries()) assertNear(normalCdf(each) / cdf[i]!, 1, 1e-13, `Φ(${each})`);
    for (const [i, each] of p.entries()) assertNear(normalQuantile(each), quantile[i]!, 1e-13, `Φ⁻¹(${each})`);
  });
});

describe('fromUniform()', () => {
  const draws = drawsOf(3, 0, 'test');
  const sample = (domain: Domain, count = 20_000) =>
    Array.from({ length: count }, (_, i) => fromUniform(domain, draws(i)));
  const share = (values: readonly ParameterValue[], holds: (value: number) => boolean) =>
    values.filter((value) => holds(value as number)).length / values.length;

  it('gives values of a step as often each, and none beyond the ends', () => {
    const values = sample(uniform(4, 40, false, 4));
    assert.deepEqual(
      [...new Set(values as number[])].sort((a, b) => a - b),
      [4, 8, 12, 16, 20, 24, 28, 32, 36, 40],
    );
    // five standard errors
    for (const each of [4, 20, 40])
      assertNear(
        share(values, (value) => value === each),
        0.1,
        0.011,
        String(each),
      );
    assert.ok(sample(uniform(0.1, 0.7, false, 0.1)).every((value) => String(value).length === 3));
  });

  it('is uniform in ln X on a logarithmic axis, and keeps within the ends', () => {
    const values = sample(uniform(1e-4, 1, true));
    for (const [end, expected] of [
      [1e-3, 0.25],
      [1e-2, 0.5],
      [1e-1, 0.75],
    ] as const) {
      assertNear(
        share(values, (value) => value < end),
        expected,
        0.016,
        `below ${end}`,
      );
    }
    for (const u of [1e-17, 1 - 1e-16]) {
      const value = fromUniform(uniform(1e-4, 1, true), u) as number;
      assert.ok(value >= 1e-4 && value <= 1);
    }
  });

  it('is normal, or log-normal, by mean and deviation', () => {
    const normal = sample({ type: 'normal', log: false, mean: 3, deviation: 2, step: null });
    assertNear(
      share(normal, (value) => value < 3),
      0.5,
      0.018,
      'below the mean',
    );
    assertNear(
      share(normal, (value) => Math.abs(value - 3) < 2),
      0.6827,
      0.017,
      'within a deviation',
    );
    const log = sample({ type: 'normal', log: true, mean: 0, deviation: 1, step: 0.5 });
    assert.ok(log.every((value) => (value as number) >= 0.5 && Number.isInteger((value as number) * 2)));
    // e is rounded to 2.5: 2.75 is the first that is above
    assertNear(
      share(log, (value) => value > 2.5),
      1 - normalCdf(Math.log(2.75)),
      0.013,
      'above e',
    );
  });

  it('picks choices by their probabilities', () => {
    const values = sample({ type: 'categorical', choices: ['a', 'b', true, 4], probabilities: [0.5, 0, 0.3, 0.2] });
    assertNear(values.filter((value) => value === 'a').length / values.length, 0.5, 0.018, 'a');
    assertNear(values.filter((value) => value === true).length / values.length, 0.3, 0.017, 'true');
    assert.ok(!values.includes('b'));
  });
});

describe('gridSampler()', () => {
  it('gives every combination once, the last parameter first', () => {
    const space: Space = [
      { name: 'a', domain: uniform(0.1, 0.3, false, 0.1) },
      { name: 'b', domain: { type: 'categorical', choices: ['u', 'v'], probabilities: [0.5, 0.5] } },
    ];
    const sampler = gridSampler(space);
    assert.equal(gridSize(space), 6);
    assert.deepEqual(
      Array.from({ length: 6 }, (_, n) => sampler.ask(n, [])),
      [0.1, 0.2, 0.3].flatMap((a) => ['u', 'v'].map((b) => ({ a, b }))),
    );
    assert.equal(sizeOf(uniform(0, 1)), Number.POSITIVE_INFINITY);
  });
});

describe('sobolBits()', () => {
  it('gives the points of SciPy, in 64 dimensions', () => {
    assert.equal(SOBOL_DIMENSIONS, 64);
    for (const [n, point] of Object.entries(VALUES.sobol)) {
      assert.deepEqual(
        point.map((_, dimension) => sobolBits(Number(n), dimension) / 2 ** 32),
        point,
      );
    }
  });
});

describe('sobolSampler()', () => {
  const space: Space = ['a', 'b', 'c'].map((name) => ({ name, domain: uniform(0, 1) }));
  const points = (seed: number, count: number) => {
    const sampler = sobolSampler(space, seed);
    return Array.from({ length: count }, (_, n) => sampler.ask(n, []) as Record<string, number>);
  };

  it('has one point of 2^m in each interval of 1/2^m, and of the first two dimensions in each cell', () => {
    for (const seed of [0, 1, 2]) {
      const drawn = points(seed, 64);
      for (const { name } of space) assert.equal(new Set(drawn.map((point) => Math.floor(64 * point[name]!))).size, 64);
      for (const rows of [2, 4, 8, 16, 32]) {
        const cells = drawn.map(({ a, b }) => `${Math.floor(rows * a!)} ${Math.floor((64 / rows) * b!)}`);
        assert.equal(new Set(cells).size, 64);
      }
    }
  });

  it('gives other points under other seeds, as uniform at every number', () => {
    assert.notDeepEqual(points(0, 4), points(1, 4));
    const firsts = Array.from({ length: 2000 }, (_, seed) => points(seed, 1)[0]!['a']!);
    // five standard errors of a mean of 2 000
    assertNear(firsts.reduce((a, b) => a + b, 0) / 2000, 0.5, 5 * Math.sqrt(1 / 12 / 2000), 'mean of the first points');
  });
});

describe('parzenEstimator()', () => {
  it('has the densities of Optuna', () => {
    for (const { names, trials, points, logs } of VALUES.parzen) {
      const row = (parameters: Parameters) => names.map((name) => parameters[name]!);
      const estimator = parzenEstimator(
        names.map((name) => DOMAINS[name]!),
        trials.map(row),
      );
      for (const [i, point] of points.entries()) {
        assertNear(estimator.logDensity(row(point)), logs[i]!, 1e-9, `${names.join(' ')} of ${trials.length} trials`);
      }
    }
  });

  it('draws as often as its density says', () => {
    const choices = Array.from({ length: 8 }, (_, i) => i + 1);
    const estimator = parzenEstimator([uniform(1, 8, false, 1)], [[2], [2], [7]]);
    const draws = drawsOf(5, 0, 'parzen');
    const drawn = Array.from({ length: 20_000 }, (_, i) => estimator.draw(draws, 2 * i)[0] as number);
    for (const choice of choices) {
      const expected = Math.exp(estimator.logDensity([choice]));
      const found = drawn.filter((value) => value === choice).length / drawn.length;
      assertNear(found, expected, 5 * Math.sqrt((expected * (1 - expected)) / drawn.length), String(choice));
    }
  });
});

const SAMPLERS: Readonly<Record<string, (space: Space, seed: number) => Sampler>> = {
  random: randomSampler,
  sobol: sobolSampler,
  tpe: tpeSampler,
};

for (const [name, make] of Object.entries(SAMPLERS)) {
  describe(`${name} sampler`, () => {
    const history = Array.from({ length: 30 }, (_, number): Observation => {
      const parameters = randomSampler(SPACE, 1).ask(number, []);
      return { number, parameters, rounds: 1, cost: number % 7 === 0 ? null : (number * 17) % 23 };
    });

    it('proposes by seed, number and history alone', () => {
      const [a, b] = [make(SPACE, 4), make(SPACE, 4)];
      const forwards = Array.from({ length: 20 }, (_, n) => a.ask(30 + n, history));
      const backwards = Array.from({ length: 20 }, (_, n) => b.ask(49 - n, history)).reverse();
      assert.deepEqual(forwards, backwards);
      assert.notDeepEqual(
        forwards,
        Array.from({ length: 20 }, (_, n) => make(SPACE, 5).ask(30 + n, history)),
      );
      assert.equal(new Set(forwards.map((each) => JSON.stringify(each))).size, 20);
    });

    it('proposes values of the domains', () => {
      for (let n = 0; n < 50; n++) {
        const { x, rate, units, depth, kind } = make(SPACE, 4).ask(n, n < 10 ? [] : history) as Record<string, number>;
        assert.ok(x! >= -2 && x! <= 6 && rate! >= 1e-5 && rate! <= 1);
        assert.ok(units! % 4 === 0 && units! >= 4 && units! <= 40);
        assert.ok(Number.isInteger(depth) && depth! >= 1 && depth! <= 64);
        assert.ok(['p', 'q', 'r'].includes(String(kind)));
      }
    });
  });
}

describe('tpeSampler()', () => {
  it('never takes the parameters of a trial without a finite value for good', () => {
    // all with x below 3 diverged, at once or late
    const history = Array.from({ length: 40 }, (_, number): Observation => {
      const x = -2 + number / 5;
      return { number, parameters: { x }, rounds: x < 0 ? 9 : 1, cost: x < 3 ? Number.POSITIVE_INFINITY : x };
    });
    const sampler = tpeSampler([{ name: 'x', domain: DOMAINS['x']! }], 0);
    const proposed = Array.from({ length: 30 }, (_, n) => sampler.ask(40 + n, history)['x'] as number);
    assert.ok(median(proposed) > 2.5, `${median(proposed)}`);
  });

  it('keeps away from what runs at the same time', () => {
    const space = [{ name: 'x', domain: uniform(0, 1) }];
    const reported = Array.from({ length: 20 }, (_, number): Observation => {
      const x = (number + 0.5) / 20;
      return { number, parameters: { x }, rounds: 1, cost: (x - 0.5) ** 2 };
    });
    const running = Array.from({ length: 10 }, (_, i): Observation => {
      return { number: 20 + i, parameters: { x: 0.5 + i / 1000 }, rounds: 0, cost: null };
    });
    const distance = (history: readonly Observation[]) => {
      const sampler = tpeSampler(space, 0);
      return median(
        Array.from({ length: 40 }, (_, n) => Math.abs((sampler.ask(30 + n, history)['x'] as number) - 0.5)),
      );
    };
    assert.ok(distance([...reported, ...running]) > 1.5 * distance(reported));
  });
});

describe('regret after 50 trials, median over 20 seeds', () => {
  const medianRegret = (form: keyof typeof CLOSED_FORMS, sampler: string) =>
    median(
      Array.from({ length: 20 }, (_, seed) =>
        regret(CLOSED_FORMS[form], SAMPLERS[sampler]!(CLOSED_FORMS[form].space, seed), 50),
      ),
    );

  it('of TPE is at most half of that of random search', () => {
    for (const form of ['branin', 'hartmann6', 'mixed'] as const) {
      const [tpe, random] = [medianRegret(form, 'tpe'), medianRegret(form, 'random')];
      assert.ok(tpe <= random / 2, `${form}: ${tpe}, random ${random}`);
    }
  });

  it('of Sobol is below that of random search in few dimensions', () => {
    for (const form of ['branin', 'mixed'] as const) {
      const [sobol, random] = [medianRegret(form, 'sobol'), medianRegret(form, 'random')];
      assert.ok(sobol < random, `${form}: ${sobol}, random ${random}`);
    }
  });
});

describe('importances()', () => {
  it('agrees with the PedAnovaImportanceEvaluator of Optuna', () => {
    for (const { trials, values } of VALUES.importance) {
      const found = importances(SPACE, trials);
      for (const { name, value } of found) assertNear(value, values[name]!, 1e-9, `${name} of ${trials.length} trials`);
      assert.equal(found[0]!.name, Object.keys(values)[0]);
      assertNear(
        found.reduce((sum, { share }) => sum + share, 0),
        1,
        1e-12,
        'shares',
      );
    }
  });

  it('is 0 of all parameters where there are no trials, or one, and leaves those without a value out', () => {
    const one = VALUES.importance[0]!.trials.slice(0, 1);
    for (const trials of [[], one, [...one, { ...one[0]!, cost: Number.POSITIVE_INFINITY }]]) {
      assert.deepEqual(
        importances(SPACE, trials).map(({ value, share }) => [value, share]),
        SPACE.map(() => [0, 0]),
      );
    }
  });
});
