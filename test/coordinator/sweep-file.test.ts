import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DISTRIBUTIONS } from '../../coordinator/population/file/parameter.js';
import { readSweepFile, type SweepFlag } from '../../coordinator/population/file/sweep-file.js';
import { checkNumber } from '../../shared/check.js';
import { FileError } from '../../shared/errors.js';

const FLAGS = new Map<string, SweepFlag>([
  [
    'learning-rate',
    {
      mutable: true,
      check: (value) => checkNumber('Cannot train', 'learning-rate', value, { minimum: 0, exclusive: true }),
    },
  ],
  ['unroll', { check: (value) => checkNumber('Cannot train', 'unroll', value, { integer: true, minimum: 1 }) }],
  ['horizon', {}],
  ['layers', {}],
  ['preprocessing', {}],
  ['clip', { mutable: true }],
  ['seed', {}],
]);

/** The flags of a problem: quadratic has a dimension. */
function flagsOf(problem: string | null): ReadonlyMap<string, SweepFlag> {
  return problem === 'quadratic' ? new Map([...FLAGS, ['problem.dimension', {}]]) : FLAGS;
}

function read(text: string) {
  return readSweepFile('sweep.yaml', text, flagsOf);
}

/** A file with these parameters, each line of which is indented already. */
function withParameters(lines: string, rest = 'method: random\nrun_cap: 4'): string {
  return `metric: {name: score}\nrounds: 81\n${rest}\nparameters:\n${lines}`;
}

/** The domain of a parameter that is written like this. */
function domainOf(written: string) {
  return read(withParameters(`  clip: ${written}`)).space[0]!.domain;
}

describe('readSweepFile()', () => {
  it('reads a whole file', () => {
    const plan = read(`
program: train
name: a sweep
description: of what matters
problem: quadratic
method: bayes
metric:
  name: final
  goal: minimize
parameters:
  learning_rate: {distribution: log_uniform_values, min: 1e-4, max: 1e-1}
  unroll: {min: 5, max: 40}
  layers:
    values: [[20, 20], 8, "16,16"]
    probabilities: [0.5, 0.25, 0.25]
  problem:
    parameters:
      dimension: {value: 20}
  preprocessing: {value: none}
flags: {horizon: 50}
rounds: 400
run_cap: 16
seed: 7
parallel: 8
scheduler: {type: asha, eta: 4}
`);
    const { digest, ...rest } = plan;
    assert.match(digest, /^[0-9a-f]{64}$/);
    assert.deepEqual(rest, {
      name: 'a sweep',
      description: 'of what matters',
      problem: 'quadratic',
      method: 'tpe',
      metric: { name: 'final', goal: 'minimize' },
      space: [
        { name: 'learning-rate', domain: { type: 'uniform', log: true, low: 1e-4, high: 1e-1, step: null } },
        { name: 'unroll', domain: { type: 'uniform', log: false, low: 5, high: 40, step: 1 } },
        {
          name: 'layers',
          domain: { type: 'categorical', choices: ['20,20', 8, '16,16'], probabilities: [0.5, 0.25, 0.25] },
        },
      ],
      fixed: { 'problem.dimension': 20, preprocessing: 'none', horizon: 50 },
      mutable: ['learning-rate'],
      rounds: 400,
      trials: 16,
      seed: 7,
      parallel: 8,
      scheduler: { type: 'asha', eta: 4, leastRounds: 6 },
    });
  });

  it('has a digest of what the file says, and not of how it is laid out', () => {
    const file = (text: string) => read(withParameters(text)).digest;
    const first = file('  clip: {min: 1, max: 2}');
    assert.equal(file('  # a comment\n  clip:\n    min: 1\n    max: 2'), first);
    assert.notEqual(file('  clip: {min: 1, max: 3}'), first);
    assert.notEqual(
      file('  clip: {min: 1, max: 2}\n  unroll: {min: 1, max: 2}'),
      file('  unroll: {min: 1, max: 2}\n  clip: {min: 1, max: 2}'),
    );
  });

  it('reads every distribution', () => {
    const e = Math.E;
    const near = (actual: object, expected: Record<string, unknown>) => {
      for (const [key, value] of Object.entries(expected)) {
        const found = (actual as Record<string, unknown>)[key];
        if (typeof value === 'number')
          assert.ok(Math.abs((found as number) - value) <= 1e-12 * Math.abs(value), `${key}: ${found}`);
        else assert.deepEqual(found, value);
      }
    };
    const range = 'min: -2, max: 3';
    const expected: Record<(typeof DISTRIBUTIONS)[number], [string, Record<string, unknown>] | null> = {
      constant: null,
      categorical: ['values: [1, true]', { choices: [1, true], probabilities: [0.5, 0.5] }],
      int_uniform: [range, { low: -2, high: 3, step: 1, log: false }],
      uniform: [range, { low: -2, high: 3, step: null, log: false }],
      q_uniform: ['min: 0.05, max: 1, q: 0.3', { low: 0.3, high: 0.9, step: 0.3, log: false }],
      log_uniform: [range, { low: e ** -2, high: e ** 3, step: null, log: true }],
      log_uniform_values: ['min: 0.01, max: 10', { low: 0.01, high: 10, step: null, log: true }],
      q_log_uniform: [range, { low: 1, high: 20, step: 1, log: true }],
      q_log_uniform_values: ['min: 1, max: 100, q: 16', { low: 16, high: 96, step: 16, log: true }],
      inv_log_uniform: [range, { low: e ** -3, high: e ** 2, step: null, log: true }],
      inv_log_uniform_values: ['min: 0.01, max: 10', { low: 0.01, high: 10, step: null, log: true }],
      normal: ['mu: 2, sigma: 0.5', { type: 'normal', mean: 2, deviation: 0.5, step: null, log: false }],
      q_normal: ['q: 2', { type: 'normal', mean: 0, deviation: 1, step: 2, log: false }],
      log_normal: ['mu: 2', { type: 'normal', mean: 2, deviation: 1, step: null, log: true }],
      q_log_normal: ['sigma: 3', { type: 'normal', mean: 0, deviation: 3, step: 1, log: true }],
    };
    for (const distribution of DISTRIBUTIONS) {
      const pair = expected[distribution];
      if (pair) near(domainOf(`{distribution: ${distribution}, ${pair[0]}}`), pair[1]);
    }
    const both = read(withParameters('  clip: {distribution: constant, value: 3}\n  horizon: {values: [1, 2]}'));
    assert.deepEqual(both.fixed, { clip: 3 });
  });

  it('tells whole numbers from others by how they are written, as W&B does', () => {
    near(domainOf('{min: 1, max: 4}'), 1);
    near(domainOf('{min: 1.0, max: 4}'), null);
    near(domainOf('{min: 1, max: 4e0}'), null);
    function near(domain: object, step: number | null): void {
      assert.equal((domain as { step: number | null }).step, step);
    }
  });

  it('knows how many trials there are', () => {
    const grid = '  unroll: {values: [5, 10, 20]}\n  clip: {distribution: q_uniform, min: 1, max: 2, q: 0.5}';
    assert.equal(read(withParameters(grid, 'method: grid')).trials, 9);
    assert.equal(read(withParameters(grid, 'method: grid\nrun_cap: 4')).trials, 4);
    const band = 'method: sobol\nscheduler: {type: hyperband, min_rounds: 1}';
    assert.equal(read(withParameters(grid, band)).trials, 143);
    assert.equal(read(withParameters(grid, `${band}\nrun_cap: 20`)).trials, 20);
  });

  it('reads schedulers, and early_terminate as W&B means it', () => {
    const scheduler = (text: string) =>
      read(withParameters('  clip: {min: 1, max: 2}', `method: random\nrun_cap: 4\n${text}`)).scheduler;
    assert.deepEqual(scheduler(''), { type: 'none' });
    assert.deepEqual(scheduler('scheduler: {type: successive-halving, min_rounds: 5, eta: 2}'), {
      type: 'successive-halving',
      leastRounds: 5,
      eta: 2,
    });
    assert.deepEqual(scheduler('scheduler: {type: median}'), {
      type: 'median',
      every: 8,
      leastRounds: 8,
      leastTrials: 5,
    });
    assert.deepEqual(scheduler('scheduler: {type: pbt, every: 9}'), {
      type: 'pbt',
      every: 9,
      truncation: 0.2,
      resample: 0.25,
    });
    const early = (text: string) => scheduler(`early_terminate: {type: hyperband, ${text}}`);
    assert.deepEqual(early('min_iter: 3'), { type: 'share', checks: [3, 9, 27, 81], eta: 3 });
    assert.deepEqual(early('max_iter: 81, s: 2'), { type: 'share', checks: [9, 27, 81], eta: 3 });
    assert.deepEqual(early('min_iter: 3, eta: 9, strict: true'), { type: 'asha', leastRounds: 3, eta: 9 });
  });
});

describe('readSweepFile() of a wrong file', () => {
  const good = 'metric: {name: score}\nrounds: 81\nmethod: random\nrun_cap: 4\nparameters:\n  clip: {min: 1, max: 2}\n';
  const cases: [what: string, text: string, why: string][] = [
    ['no YAML', 'method: [random\nrounds: 2', 'line 2, column 1: it must be YAML: '],
    ['a key twice', `${good}rounds: 3`, 'line 7, column 1: it must be YAML: Map keys must be unique'],
    ['a list', '- method', 'line 1, column 1: a sweep must be keys and values, got ["method"]'],
    [
      'an unknown key',
      good.replace('method', 'metod'),
      'line 3, column 1: there is no key "metod" in a sweep; did you mean "method"?',
    ],
    ['a missing key', good.replace('rounds: 81\n', ''), 'line 1, column 1: a sweep must have "rounds"'],
    [
      'an unknown method',
      good.replace('random', 'rundom'),
      'line 3, column 9: "method" must be one of grid, random, sobol, tpe, bayes, got "rundom"; did you mean "random"?',
    ],
    [
      'no metric of that name',
      good.replace('score', 'loss'),
      'line 1, column 16: a run has no metric "loss"; it has score, sum, final, sum-median, final-median, divergence-rate, meta-loss',
    ],
    [
      'rounds that are no number',
      good.replace('81', 'many'),
      'line 2, column 9: "rounds" must be an integer of at least 1, got "many"',
    ],
    [
      'rounds in quotes',
      good.replace('81', '"81"'),
      'line 2, column 9: "rounds" must be an integer of at least 1, got "81"',
    ],
    [
      'no parameters',
      good.replace('\n  clip: {min: 1, max: 2}', ' {}'),
      'line 5, column 1: the space is empty: at least one parameter must have several values',
    ],
    [
      'parameters without a value',
      good.replace('\n  clip: {min: 1, max: 2}', ''),
      'line 5, column 12: "parameters" must be keys and values, got null',
    ],
    [
      'constants alone',
      good.replace('{min: 1, max: 2}', '{value: 1}'),
      'line 5, column 1: the space is empty: at least one',
    ],
    [
      'no values',
      good.replace('{min: 1, max: 2}', '{values: []}'),
      'line 6, column 18: the space is empty: "clip" must have at least one value',
    ],
    [
      'an empty range',
      good.replace('max: 2', 'max: 1'),
      'line 6, column 23: the space is empty: "max" of "clip" must be above "min" 1, got 1',
    ],
    [
      'no multiple in the range',
      good.replace('{min: 1, max: 2}', '{distribution: q_uniform, min: 1, max: 2, q: 3}'),
      'line 6, column 3: the space is empty: no multiple of 3 lies between "min" and "max" of "clip"',
    ],
    [
      'an unknown flag',
      good.replace('clip', 'learning_rat'),
      'line 6, column 3: there is no flag "learning_rat" of lopt train that can be swept; did you mean "learning-rate"?',
    ],
    [
      'an option of another problem',
      good.replace('clip', 'problem.dimension'),
      'line 6, column 3: there is no flag "problem.dimension" of lopt train that can be swept; there are learning-rate, ',
    ],
    [
      'a flag twice',
      good.replace('  clip', '  learning-rate: {values: [1, 2]}\n  learning_rate'),
      'line 7, column 3: "learning-rate" must be given once, but is also given above',
    ],
    ['a swept flag that is fixed too', `${good}flags: {clip: 2}`, 'line 7, column 9: "clip" must be given once'],
    [
      'a value that the flag cannot have',
      good.replace('clip: {min: 1', 'unroll: {min: 0'),
      'line 6, column 3: Cannot train: "unroll" must be an integer of at least 1, got 0',
    ],
    [
      'an unknown key of a parameter',
      good.replace('max', 'mux'),
      'line 6, column 18: there is no key "mux" in the parameter "clip"; did you mean "max"?',
    ],
    [
      'a half range',
      good.replace(', max: 2', ''),
      'line 6, column 3: the parameter "clip" must have "value", "values", "min" with "max", or a "distribution"',
    ],
    [
      'a key of another distribution',
      good.replace('min: 1', 'mu: 1, distribution: uniform, min: 1'),
      'line 6, column 10: "mu" does not apply to the distribution uniform; it takes min, max',
    ],
    [
      'an unknown distribution',
      good.replace('min: 1', 'distribution: unifrom, min: 1'),
      'line 6, column 24: "distribution" must be one of constant, ',
    ],
    [
      'a logarithmic range from 0',
      good.replace('min: 1', 'distribution: log_uniform_values, min: 0'),
      'line 6, column 49: "min" must be a number greater than 0, got 0',
    ],
    [
      'probabilities that do not sum to 1',
      good.replace('{min: 1, max: 2}', '{values: [1, 2], probabilities: [0.5, 0.4]}'),
      'line 6, column 41: "probabilities" must sum to 1, got 0.9',
    ],
    [
      'too few probabilities',
      good.replace('{min: 1, max: 2}', '{values: [1, 2], probabilities: [1]}'),
      'line 6, column 41: "probabilities" must have a number for each of the 2 values, got 1',
    ],
    [
      'a value twice',
      good.replace('{min: 1, max: 2}', '{values: [1, 2, 1]}'),
      'line 6, column 25: the value 1 of "clip" must be listed once',
    ],
    [
      'a value of nothing',
      good.replace('{min: 1, max: 2}', '{values: [1, null]}'),
      'line 6, column 22: a value must be a number, text, true, false or a list of numbers, got null',
    ],
    [
      'nested parameters with more',
      good.replace('{min: 1, max: 2}', '{parameters: {a: {value: 1}}, min: 1}'),
      'line 6, column 39: "clip" has nested parameters, so it must have no "min"',
    ],
    [
      'an infinite grid',
      good.replace('random', 'grid').replace('max: 2', 'max: 2.5'),
      'line 6, column 3: a grid must have a finite set of values for "clip": "values", or a "q"',
    ],
    [
      'trials without end',
      good.replace('run_cap: 4\n', ''),
      'line 1, column 1: a sweep must have a "run_cap", the number of trials, of at most 10000',
    ],
    [
      'a population of one',
      `${good.replace('4', '1')}scheduler: {type: pbt}`,
      'line 4, column 10: "run_cap" must be an integer of at least 2, got 1',
    ],
    ['a scheduler without a type', `${good}scheduler: {eta: 3}`, 'line 7, column 1: "scheduler" must have a "type"'],
    [
      'an unknown scheduler',
      `${good}scheduler: {type: ahsa}`,
      'line 7, column 19: "type" must be one of none, successive-halving, asha, hyperband, median, pbt, got "ahsa"; did you mean "asha"?',
    ],
    [
      'a key of another scheduler',
      `${good}scheduler: {type: asha, every: 3}`,
      'line 7, column 25: there is no key "every" in a scheduler of type asha; there are type, min_rounds, eta',
    ],
    [
      'a rung beyond the rounds',
      `${good}scheduler: {type: asha, min_rounds: 100}`,
      'line 7, column 37: "min_rounds" must be an integer from 1 to 81, got 100',
    ],
    [
      'two schedulers',
      `${good}scheduler: {type: asha}\nearly_terminate: {type: hyperband, min_iter: 3}`,
      'line 8, column 1: a sweep must have "scheduler" or "early_terminate", and not both',
    ],
    [
      'early_terminate of another length',
      `${good}early_terminate: {type: hyperband, max_iter: 27, s: 2}`,
      'line 7, column 46: "max_iter" must be the "rounds" of a trial, 81, got 27',
    ],
    [
      'early_terminate without brackets',
      `${good}early_terminate: {type: hyperband}`,
      'line 7, column 1: "early_terminate" must have "min_iter", or "max_iter" with "s"',
    ],
    [
      'an alias of nothing',
      good.replace('{min: 1, max: 2}', '*nothing'),
      'line 6, column 9: the alias *nothing must follow its anchor &nothing',
    ],
    [
      'an alias of nothing, deep in a value',
      good.replace('{min: 1, max: 2}', '{values: [1, {a: *nothing}]}'),
      'line 6, column 26: the alias *nothing must follow its anchor',
    ],
    [
      'an alias of what it is part of',
      good.replace('{min: 1, max: 2}', '&all {values: [1, *all]}'),
      'line 6, column 27: the alias *all must stand for a value that it is no part of',
    ],
  ];
  for (const [what, text, why] of cases) {
    it(`names line and column of ${what}`, () => {
      assert.throws(
        () => read(text),
        (error) => {
          assert.ok(error instanceof FileError && error.path === 'sweep.yaml', String(error));
          assert.ok(error.message.startsWith(`Cannot read a sweep from sweep.yaml, ${why}`), error.message);
          assert.ok(!error.message.includes('\n'), error.message);
          return true;
        },
      );
    });
  }

  it('says of an empty file that it is empty', () => {
    for (const text of ['', '# nothing\n']) {
      assert.throws(
        () => read(text),
        /^FileError: Cannot read a sweep from sweep.yaml: it must hold keys and values, and is empty$/,
      );
    }
  });

  it('takes the good one that all of these were made from, and aliases', () => {
    assert.equal(read(good).trials, 4);
    const aliased = read(withParameters('  clip: &range {min: 1, max: 2}\n  unroll: *range'));
    assert.deepEqual(aliased.space[0]!.domain, aliased.space[1]!.domain);
  });
});
