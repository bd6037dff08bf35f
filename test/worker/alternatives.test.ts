/** Families of which options have several values, of which every episode draws one. */
import assert from 'node:assert/strict';
import { before, describe, it, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { UsageError } from '../../shared/errors.js';
import { phiLength } from '../../shared/phi.js';
import { deriveKey, fillNormal, type Key, seedKey } from '../../shared/random.js';
import { MixEngine } from '../../worker/engines/mix-engine.js';
import { alternativesOf } from '../../worker/problems/alternatives.js';
import { createTensorGradient } from '../../worker/problems/derivatives/tensor-gradient.js';
import { parametersOf, tensorsText } from '../../worker/problems/parameter-tensors.js';
import type { OptionSpec, Problems } from '../../worker/problems/problem.js';
import { familyFor, familyNamed, optionValues } from '../../worker/problems/registry.js';
import { fingerprintOf, sessionOf } from '../../worker/session.js';
import { bitsOf } from '../fixtures/bits.js';
import { difference } from '../fixtures/drawn-problems.js';
import { runConfig } from '../fixtures/run-config.js';

const WIDTHS: OptionSpec = { type: 'integers', default: [20], minimum: 1, alternatives: true, describe: '' };

function configure(name: string, given: Record<string, unknown>): Promise<Problems> {
  const family = familyFor(name, given);
  return family.configure(optionValues(family, given));
}

function episodeKeys(count: number): Key[] {
  return Array.from({ length: count }, (_, i) =>
    deriveKey({ seed: 0, member: 0, shard: i % 13, episode: Math.floor(i / 13), purpose: 'train' }),
  );
}

before(async () => {
  await tf.setBackend('cpu');
});

describe('alternativesOf()', () => {
  const all = (text: string) => alternativesOf('Cannot test', 'hidden', WIDTHS, text);

  it('reads one list, or several between bars', () => {
    assert.deepEqual(alternativesOf('Cannot test', 'hidden', WIDTHS, [20, 20]), [[20, 20]]);
    assert.deepEqual(all('16| 32 |64|32, 32'), [[16], [32], [64], [32, 32]]);
  });

  it('takes a range for the whole numbers nearest to even steps of the logarithm, and its ends', () => {
    assert.deepEqual(all('16..64'), [[16], [23], [32], [45], [64]]);
    assert.deepEqual(all('16..50|8'), [[16], [23], [32], [45], [50], [8]]);
    assert.deepEqual(all('1..6'), [[1], [2], [3], [4], [6]]);
    assert.deepEqual(all('16..32,5|7'), [[16, 5], [23, 5], [32, 5], [7]]);
    assert.equal(all('16..64,16..64').length, 25);
    const batch: OptionSpec = { type: 'integer', default: 1, alternatives: true, describe: '' };
    assert.deepEqual(alternativesOf('Cannot test', 'batch', batch, '32..64'), [32, 45, 64]);
  });
});

test('optionValues() keeps several values as text without blanks, and says what is wrong with them', () => {
  const mlp = familyNamed('mlp');
  const values = optionValues(mlp, { hidden: ' 16 | 32,32', activation: 'relu|tanh', batch: '32 .. 64' });
  assert.deepEqual([values['hidden'], values['activation'], values['batch']], ['16|32,32', 'relu|tanh', '32..64']);
  assert.deepEqual(optionValues(mlp, values), values);
  const widths = 'a list such as 20,20 of integers of at least 1';
  const range = 'a range such as 16..64 of integers of at least 1, the smaller one first';
  const wrong: [Record<string, unknown>, string][] = [
    [{ hidden: '16|x' }, `"hidden" must be ${widths}, got "x"`],
    [{ hidden: '16|' }, `"hidden" must be ${widths}, got ""`],
    [{ hidden: '64..16' }, `"hidden" must be ${range}, got "64..16"`],
    [{ hidden: '0..16' }, `"hidden" must be ${range}, got "0..16"`],
    [{ hidden: '8|16..x' }, `"hidden" must be ${range}, got "16..x"`],
    [{ hidden: '8,16|8, 16' }, '"hidden" must be alternatives that are all different, got 8,16 twice'],
    [{ hidden: '1..900,1..900' }, '"hidden" must be at most 256 alternatives, got 400 in "1..900,1..900"'],
    [{ activation: 'relu|elu' }, '"activation" must be one of sigmoid, tanh, relu, got "elu"'],
    [{ batch: '32|1.5' }, '"batch" must be an integer of at least 1, got "1.5"'],
    [{ size: '8|16' }, '"size" must be an integer of at least 0, got "8|16"'],
  ];
  for (const [given, what] of wrong) {
    assert.throws(() => optionValues(mlp, given), { name: UsageError.name, message: `Cannot configure mlp: ${what}` });
  }
});

test('configure() refuses more combinations than there may be, and networks that are too large', async () => {
  const many = { hidden: '1..64,1..64', batch: '1..64', size: 4 };
  await assert.rejects(configure('mlp', many), {
    message: 'Cannot configure mlp: "hidden" and "batch" must have at most 1024 combinations, got 1728',
  });
  await assert.rejects(configure('mlp', { hidden: '8|8192,8192' }), {
    message: /^Cannot configure mlp: "hidden" must be widths/,
  });
});

const DRAWN = { size: 4, hidden: '3|5|4,2', activation: 'relu|tanh', batch: '2|6', 'initial-scale': 0.5 };

/** The same values, one of each. */
const SINGLE = ['3', '5', '4,2'].flatMap((hidden) =>
  ['relu', 'tanh'].flatMap((activation) => ['2', '6'].map((batch) => ({ ...DRAWN, hidden, activation, batch }))),
);

test('every combination is drawn as often as any other', async () => {
  const { mixture } = await configure('mlp', DRAWN);
  assert.equal(mixture!.components.length, 12);
  const counts = new Map<number, number>();
  const draws = 24_000;
  for (const key of episodeKeys(draws)) {
    const index = mixture!.pick(key);
    counts.set(index, (counts.get(index) ?? 0) + 1);
  }
  // χ² with 11 degrees of freedom is below 31.3 in 999 of 1000 cases
  const expected = draws / 12;
  const chiSquare = Array.from({ length: 12 }, (_, i) => ((counts.get(i) ?? 0) - expected) ** 2 / expected);
  assert.ok(chiSquare.reduce((sum, term) => sum + term) < 31.3, `${[...counts]}`);
});

/** Draws two problems and computes their gradient. */
function gradientOf(problems: Problems, key: Key, gradient = problems.createGradient!()) {
  const { theta, data } = problems.draw(key, 2, 'train');
  const [slopes, losses] = [new Float32Array(theta.length), new Float64Array(2)];
  gradient(theta, { count: 2, data, key, split: 'train' }, 3, slopes, losses);
  return { theta, slopes, losses };
}

test('an episode has the bits that the family has with the values that are drawn for it', async () => {
  const drawn = await configure('mlp', DRAWN);
  const alone = await Promise.all(SINGLE.map((options) => configure('mlp', options)));
  const gradient = drawn.createGradient!();
  const met = new Set<number>();
  for (const key of episodeKeys(60)) {
    const index = drawn.mixture!.pick(key);
    met.add(index);
    const [actual, expected] = [gradientOf(drawn, key, gradient), gradientOf(alone[index]!, key)];
    assert.equal(tensorsText(parametersOf(drawn, key)), tensorsText(parametersOf(alone[index]!)));
    for (const part of ['theta', 'slopes', 'losses'] as const) {
      assert.ok(Buffer.from(bitsOf(actual[part]).buffer).equals(Buffer.from(bitsOf(expected[part]).buffer)), part);
    }
  }
  assert.equal(met.size, 12);
  assert.equal(drawn.coordinates, Math.max(...alone.map(({ coordinates }) => coordinates)));
  assert.deepEqual(drawn.dataHashes, alone[0]!.dataHashes);
});

for (const [name, options] of [
  ['mlp', DRAWN],
  [
    'autoencoder',
    { size: 4, hidden: '3|4,2', activation: 'sigmoid|relu', loss: 'squared-error|cross-entropy', batch: 3 },
  ],
  ['conv', { size: 8, filters: '2|3,2', kernel: '2|3', batch: '2|3' }],
] as const) {
  test(`the gradient of drawn problems is that of their loss by automatic differentiation: ${name}`, async () => {
    const problems = await configure(name, options);
    const [closed, byTensors] = [problems.createGradient!(), createTensorGradient(tf, problems)];
    const met = new Set<number>();
    for (const key of episodeKeys(30)) {
      const index = problems.mixture!.pick(key);
      if (met.has(index)) continue;
      met.add(index);
      const [actual, expected] = [gradientOf(problems, key, closed), gradientOf(problems, key, byTensors)];
      assert.ok(difference(actual.slopes, expected.slopes) < 1e-5, `${index}`);
      actual.losses.forEach((loss, p) => {
        assert.ok(Math.abs(loss - expected.losses[p]!) < 1e-5 * expected.losses[p]!);
      });
    }
    assert.ok(met.size > 4);
  });
}

test('a mix may have a family of drawn options: its weight is that of all of them together', async () => {
  const given = { families: 'quadratic=3,mlp=1', 'quadratic.dimension': 3 };
  const own = Object.fromEntries(Object.entries(DRAWN).map(([name, value]) => [`mlp.${name}`, value]));
  const mix = await configure('mix', { ...given, ...own });
  const mlp = await configure('mlp', DRAWN);
  const { components, pick, probes } = mix.mixture!;
  assert.equal(components.length, 13);
  assert.ok(components.every(({ mixture }) => mixture === undefined));
  // the families are in the order of their names; each is probed
  assert.deepEqual(probes, [...mlp.mixture!.probes, 12]);
  const keys = episodeKeys(8000);
  const quadratics = keys.filter((key) => pick(key) === 12).length;
  assert.ok(Math.abs(quadratics / keys.length - 0.75) < 0.015, `${quadratics}`);
  for (const key of keys.slice(0, 40)) {
    const index = pick(key);
    if (index === 12) continue;
    assert.equal(index, mlp.mixture!.pick(key));
    const [actual, expected] = [gradientOf(mix, key), gradientOf(mlp, key)];
    assert.ok(Buffer.from(actual.slopes.buffer).equals(Buffer.from(expected.slopes.buffer)));
  }
});

/** The configuration of a run on problems with these options. */
function configOf(given: Record<string, unknown>) {
  return runConfig({ problem: 'mlp', problemOptions: optionValues(familyNamed('mlp'), given) });
}

async function sessionFor(given: Record<string, unknown>) {
  const { dataHashes } = await configure('mlp', given);
  return sessionOf({ digest: JSON.stringify(given), config: { ...configOf(given), dataHashes: dataHashes! } });
}

test('fingerprintOf() drawn problems tells a difference in their values', async () => {
  const changes = [{}, { hidden: '3|6|4,2' }, { activation: 'relu|sigmoid' }, { batch: '2|5' }];
  const all = await Promise.all(
    changes.map(async (change) => fingerprintOf(await sessionFor({ ...DRAWN, ...change }))),
  );
  assert.equal(new Set(all).size, changes.length);
});

test('the windows of an episode have the bits that an engine for its problems alone gives them', async () => {
  const drawn = await configure('mlp', DRAWN);
  const engine = await (await sessionFor(DRAWN)).engine();
  const alone = await Promise.all(SINGLE.map(async (options) => (await sessionFor(options)).engine()));
  const phi = new Float32Array(phiLength(configOf(DRAWN).architecture));
  fillNormal(seedKey(4), phi, 0, 0.3);
  const states = await Promise.all(
    episodeKeys(20).map(async (key) => {
      const own = alone[drawn.mixture!.pick(key)]!;
      const request = { key, count: 2, split: 'train' } as const;
      return { own, mixed: await engine.begin(request), single: await own.begin(request) };
    }),
  );
  // episodes take turns, as the shards of a thread do
  for (let window = 0; window < 2; window++) {
    for (const { own, mixed, single } of states) {
      const [actual, expected] = [
        await engine.window({ phi, state: mixed, steps: 3 }),
        await own.window({ phi, state: single, steps: 3 }),
      ];
      const pairs = [
        [actual.metaGradient, expected.metaGradient],
        [actual.losses, expected.losses],
        [mixed.theta, single.theta],
        [mixed.hidden, single.hidden],
      ] as const;
      for (const [a, b] of pairs) assert.ok(Buffer.from(bitsOf(a).buffer).equals(Buffer.from(bitsOf(b).buffer)));
      assert.ok(actual.metaGradient.some((slope) => slope !== 0));
    }
  }
});

test('MixEngine opens what is met, and closes what was used least recently beyond the most', async () => {
  const session = await sessionFor({ ...DRAWN, 'initial-scale': 0.4 });
  const inner = await session.engine();
  assert.ok(inner instanceof MixEngine);
  const log: string[] = [];
  const mixed = await MixEngine.open({
    pick: ([index]) => index,
    probes: [2],
    most: 3,
    async create(index) {
      log.push(`open ${index}`);
      const engine = await inner.engineAt(index);
      const request = Object.create(engine) as typeof engine;
      request.close = () => void log.push(`close ${index}`);
      request.begin = (asked) => engine.begin({ ...asked, key: [index, 1] });
      return request;
    },
  });
  const begin = (index: number) => mixed.begin({ key: [index, 0], count: 1, split: 'train' });
  for (const index of [2, 0, 1, 2, 3, 0, 1]) await begin(index);
  assert.deepEqual(log, ['open 2', 'open 0', 'open 1', 'open 3', 'close 0', 'open 0', 'close 1', 'open 1', 'close 2']);
  mixed.close();
  assert.deepEqual(log.slice(9).sort(), ['close 0', 'close 1', 'close 3']);
});
