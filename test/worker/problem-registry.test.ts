import assert from 'node:assert/strict';
import { test } from 'node:test';
import { editDistance } from '../../shared/check.js';
import { FileError, UsageError } from '../../shared/errors.js';
import { seedKey } from '../../shared/random.js';
import { fillMinibatch, loadMnist, parseIdx } from '../../worker/problems/mnist.js';
import { FAMILIES, familyNamed, optionValues } from '../../worker/problems/registry.js';

function assertUsage(action: () => unknown, sentence: string): void {
  assert.throws(action, (error) => {
    assert.ok(error instanceof UsageError);
    assert.equal(error.message, sentence);
    return true;
  });
}

test('familyNamed() finds every family and names the nearest to a misspelt one', () => {
  const names = ['simple', 'quadratic', 'lasso', 'rastrigin', 'rosenbrock', 'logistic', 'mlp', 'mix'];
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
    'initial-scale': 0.01,
  });
});

test('optionValues() reads text as the option’s type', () => {
  const values = optionValues(familyNamed('quadratic'), { dimension: '7', 'initial-scale': '1e-2' });
  assert.deepEqual([values['dimension'], values['initial-scale']], [7, 0.01]);
  for (const hidden of ['20,30', [20, 30], ['20', 30]]) {
    assert.deepEqual(optionValues(familyNamed('mlp'), { hidden })['hidden'], [20, 30]);
  }
  assert.deepEqual(optionValues(familyNamed('mlp'), { hidden: 20 })['hidden'], [20]);
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

test('loadMnist() gives three disjoint splits of the published data', () => {
  const { splits, hashes } = loadMnist();
  assert.deepEqual([splits.train.count, splits['held-out'].count, splits.test.count], [50_000, 10_000, 10_000]);
  for (const { count, pixels, labels } of Object.values(splits)) {
    assert.deepEqual([pixels.length, labels.length], [784 * count, count]);
    assert.deepEqual(new Set(labels), new Set([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
  }
  assert.equal(splits.train.labels[0], 5);
  assert.equal(splits.test.labels[0], 7);
  // held-out begins where train ends; the test images are another file's
  const { pixels } = splits.train;
  assert.equal(splits['held-out'].pixels.buffer, pixels.buffer);
  assert.equal(splits['held-out'].pixels.byteOffset, pixels.byteOffset + pixels.length);
  assert.notEqual(splits.test.pixels.buffer, pixels.buffer);
  // the mean pixel of the training images is known to be 0.1307
  assert.ok(Math.abs(pixels.reduce((sum, byte) => sum + byte, 0) / pixels.length / 255 - 0.1307) < 0.001);
  assert.equal(Object.keys(hashes).length, 4);
  assert.match(hashes['train-images-idx3-ubyte']!, /^ba891046e6505d7a/);
  assert.ok(pixels.buffer instanceof SharedArrayBuffer);
});

test('fillMinibatch() draws from the whole split, by step and problem', () => {
  const draw = (problem: number, step: number) => {
    const out = new Uint32Array(1000);
    fillMinibatch(seedKey(3), problem, step, 50_000, out);
    return out;
  };
  assert.deepEqual(draw(1, 2), draw(1, 2));
  assert.notDeepEqual(draw(1, 2), draw(2, 1));
  assert.ok(Math.max(...draw(0, 0)) < 50_000 && Math.max(...draw(0, 0)) > 49_000);
});

test('parseIdx() refuses a file of another length or header', () => {
  const bytes = Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 2, 5, 6);
  assert.deepEqual(parseIdx('labels', bytes, [2]), Uint8Array.of(5, 6));
  const refused = (given: Uint8Array, sentence: string) =>
    assert.throws(
      () => parseIdx('labels', given, [2]),
      new FileError('labels', `Cannot read MNIST: labels ${sentence}`),
    );
  refused(bytes.subarray(0, 9), 'must be 10 bytes long, got 9');
  bytes[3] = 3;
  refused(bytes, 'must begin with the header 2049,2, got 2051,2');
});
