import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { editDistance } from '../../shared/check.js';
import { UsageError } from '../../shared/errors.js';
import { FAMILIES, familyNamed, optionValues, separateFolders } from '../../worker/problems/registry.js';

function assertUsage(action: () => unknown, sentence: string): void {
  assert.throws(action, (error) => {
    assert.ok(error instanceof UsageError);
    assert.equal(error.message, sentence);
    return true;
  });
}

test('familyNamed() finds every family and names the nearest to a misspelt one', () => {
  const names = [
    'simple',
    'quadratic',
    'lasso',
    'rastrigin',
    'rosenbrock',
    'logistic',
    'mlp',
    'autoencoder',
    'conv',
    'language',
    'mix',
  ];
  assert.deepEqual([...FAMILIES.keys()], names);
  assert.equal(familyNamed('mlp').name, 'mlp');
  const known = `it must be one of ${names.join(', ')}`;
  assertUsage(() => familyNamed('quadratc'), `Cannot find problem "quadratc": ${known}; did you mean "quadratic"?`);
  assertUsage(() => familyNamed('salesman'), `Cannot find problem "salesman": ${known}`);
});

test('editDistance() counts insertions, deletions, substitutions and exchanges', () => {
  assert.equal(editDistance('kitten', 'sitting'), 3);
  assert.equal(editDistance('', 'mlp'), 3);
  assert.equal(editDistance('shrads', 'shards'), 1);
  assert.equal(editDistance('mlp', 'mlp'), 0);
});

test('optionValues() fills in the defaults', () => {
  assert.deepEqual(optionValues(familyNamed('quadratic'), {}), {
    dimension: 10,
    distribution: 'normal',
    'initial-scale': 0,
  });
  assert.deepEqual(optionValues(familyNamed('mlp'), {}), {
    hidden: [20],
    activation: 'sigmoid',
    batch: 128,
    size: 0,
    initialisation: 'normal',
    'initial-scale': 0.01,
    'permute-labels': 'false',
    'invert-share': 0,
  });
});

test('optionValues() reads text as the option’s type', () => {
  const values = optionValues(familyNamed('quadratic'), { dimension: '7', 'initial-scale': '1e-2' });
  assert.deepEqual([values['dimension'], values['initial-scale']], [7, 0.01]);
  for (const hidden of ['20,30', [20, 30], ['20', 30]]) {
    assert.deepEqual(optionValues(familyNamed('mlp'), { hidden })['hidden'], [20, 30]);
  }
  assert.deepEqual(optionValues(familyNamed('mlp'), { hidden: 20 })['hidden'], [20]);
  for (const permuted of [true, 'true']) {
    assert.equal(optionValues(familyNamed('mlp'), { 'permute-labels': permuted })['permute-labels'], 'true');
  }
});

test('optionValues() says what is wrong and what would be right', () => {
  const wrong: [string, Record<string, unknown>, string][] = [
    ['quadratic', { dimension: 0 }, '"dimension" must be an integer of at least 1, got 0'],
    ['quadratic', { dimension: '2.5' }, '"dimension" must be an integer of at least 1, got "2.5"'],
    ['quadratic', { dimension: '' }, '"dimension" must be an integer of at least 1, got ""'],
    ['quadratic', { dimension: [1, 2] }, '"dimension" must be an integer of at least 1, got [1,2]'],
    ['quadratic', { 'initial-scale': Number.NaN }, '"initial-scale" must be a number of at least 0, got NaN'],
    ['quadratic', { distribution: 'cauchy' }, '"distribution" must be one of normal, uniform, got "cauchy"'],
    [
      'quadratic',
      { dimensions: 3 },
      'its options are dimension, distribution, initial-scale, got "dimensions"; did you mean "dimension"?',
    ],
    ['mlp', { hidden: '20,,3' }, '"hidden" must be a list such as 20,20 of integers of at least 1, got "20,,3"'],
    ['mlp', { folder: '' }, '"folder" must be a path, got ""'],
    ['mlp', { 'invert-share': 2 }, '"invert-share" must be a number from 0 to 1, got 2'],
    ['mlp', { 'permute-labels': 1 }, '"permute-labels" must be one of true, false, got 1'],
    ['conv', { folder: 7 }, '"folder" must be a path, got 7'],
    ['simple', { dimension: 3 }, 'it has no options, got "dimension"'],
    ['lasso', { dimension: 0 }, '"dimension" must be an integer of at least 1, got 0'],
    ['lasso', { rows: 0 }, '"rows" must be an integer of at least 1, got 0'],
    ['lasso', { lambda: -1 }, '"lambda" must be a number of at least 0, got -1'],
    ['lasso', { nonzero: 0 }, '"nonzero" must be an integer of at least 1, got 0'],
    ['lasso', { noise: '-0.1' }, '"noise" must be a number of at least 0, got "-0.1"'],
    ['lasso', { 'initial-scale': -1 }, '"initial-scale" must be a number of at least 0, got -1'],
    ['rastrigin', { dimension: 0 }, '"dimension" must be an integer of at least 1, got 0'],
    ['rastrigin', { alpha: -1 }, '"alpha" must be a number of at least 0, got -1'],
    ['rastrigin', { 'initial-scale': 'x' }, '"initial-scale" must be a number of at least 0, got "x"'],
    ['rosenbrock', { dimension: 1 }, '"dimension" must be an integer of at least 2, got 1'],
    ['rosenbrock', { steepness: 0.5 }, '"steepness" must be a number of at least 1, got 0.5'],
    ['rosenbrock', { spread: -1 }, '"spread" must be a number of at least 0, got -1'],
    ['rosenbrock', { 'initial-scale': -1 }, '"initial-scale" must be a number of at least 0, got -1'],
    ['logistic', { dimension: 0 }, '"dimension" must be an integer of at least 1, got 0'],
    ['logistic', { examples: 1 }, '"examples" must be an integer of at least 2, got 1'],
    ['logistic', { lambda: -1 }, '"lambda" must be a number of at least 0, got -1'],
    ['logistic', { 'initial-scale': -1 }, '"initial-scale" must be a number of at least 0, got -1'],
  ];
  for (const [family, given, sentence] of wrong) {
    assertUsage(() => optionValues(familyNamed(family), given), `Cannot configure ${family}: ${sentence}`);
  }
});

test('lasso.configure() refuses more coordinates that are not 0 than there are', async () => {
  const options = optionValues(familyNamed('lasso'), { dimension: 3, nonzero: 4 });
  const message = 'Cannot configure lasso: "nonzero" must be at most the dimension, 3, got 4';
  await assert.rejects(familyNamed('lasso').configure(options), new UsageError(message));
});

test('mlp.configure() refuses a network that would not fit into memory', async () => {
  const options = optionValues(familyNamed('mlp'), { hidden: '100000,1000000' });
  const message =
    'Cannot configure mlp: "hidden" must be widths that give at most 67108864 parameters, got 100089500010';
  await assert.rejects(familyNamed('mlp').configure(options), new UsageError(message));
});

test('separateFolders() tells where data lie, as absolute paths, from what numbers depend on', () => {
  const family = familyNamed('conv');
  const values = optionValues(family, { folder: 'data/fashion', kernel: 5 });
  assert.deepEqual(separateFolders(family, values), {
    options: {
      filters: [4, 8],
      kernel: 5,
      initialisation: 'scaled',
      size: 0,
      'initial-scale': 1,
      batch: 32,
      'permute-labels': 'false',
      'invert-share': 0,
    },
    folders: { folder: resolve('data/fashion') },
  });
  assert.deepEqual(separateFolders(family, optionValues(family, {})).folders, {});
});
