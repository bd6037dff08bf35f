import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { adam } from '../../worker/baselines/adam.js';
import { momentum } from '../../worker/baselines/momentum.js';
import type { LearningRate, Optimizer } from '../../worker/baselines/optimizer.js';
import { BASELINES, type BaselineName } from '../../worker/baselines/registry.js';
import { rprop } from '../../worker/baselines/rprop.js';

/** What optimizers.py writes. */
interface Fixture {
  gradients: number[][];
  cases: { optimizer: BaselineName; options: LearningRate; updates: number[][] }[];
}

const fixtureUrl = new URL('../../../test/fixtures/optimizers.json', import.meta.url);
const fixture = JSON.parse(readFileSync(fixtureUrl, 'utf8')) as Fixture;
const gradients = fixture.gradients.map((row) => Float32Array.from(row));

/** The updates of every step, from the initial state. */
function run(optimizer: Optimizer<unknown>, sequence: readonly Float32Array[]): Float32Array[] {
  let state = optimizer.init(sequence[0]!.length);
  return sequence.map((gradient) => {
    const step = optimizer.update(gradient, state);
    state = step.state;
    return step.updates;
  });
}

test('BASELINES lists the baselines in the order of reports, each under its own name', () => {
  const names = Object.keys(BASELINES);
  assert.deepEqual(names, ['sgd', 'momentum', 'nag', 'adagrad', 'rmsprop', 'rprop', 'adam']);
  for (const [name, factory] of Object.entries(BASELINES)) {
    assert.equal(factory({ learningRate: 0.1 }).name, name);
    assert.equal(fixture.cases.filter((entry) => entry.optimizer === name).length, 2);
  }
});

for (const { optimizer: name, options, updates: expected } of fixture.cases) {
  test(`${name}() agrees with optax within 1e-5 relative for ${JSON.stringify(options)}`, () => {
    const rows = run(BASELINES[name](options), gradients);
    rows.forEach((row, t) => {
      row.forEach((actual, i) => {
        const wanted = expected[t]![i]!;
        const close = Math.abs(actual - wanted) <= 1e-5 * Math.abs(wanted);
        assert.ok(close, `step ${t}, coordinate ${i}: got ${actual}, optax has ${wanted}`);
      });
    });
  });
}

for (const [name, factory] of Object.entries(BASELINES)) {
  test(`${name}() is pure: inputs stay as they are and a step can be repeated`, () => {
    const optimizer = factory({ learningRate: 0.1 });
    let state = optimizer.init(5);
    for (const gradient of gradients) {
      const gradientBefore = gradient.slice();
      const stateBefore = structuredClone(state);
      const first = optimizer.update(gradient, state);
      const second = optimizer.update(gradient, state);
      assert.deepEqual(gradient, gradientBefore);
      assert.deepEqual(state, stateBefore);
      assert.deepEqual(first, second);
      assert.notEqual(first.updates, gradient);
      state = first.state;
    }
  });

  test(`${name}() treats every coordinate by itself, to the bit`, () => {
    const optimizer = factory({ learningRate: 0.1 });
    const together = run(optimizer, gradients);
    for (let i = 0; i < 5; i++) {
      const alone = run(
        optimizer,
        gradients.map((row) => row.slice(i, i + 1)),
      );
      assert.deepEqual(
        alone.map((row) => row[0]),
        together.map((row) => row[i]),
      );
    }
  });

  test(`${name}() keeps a coordinate that is not a number from the others`, () => {
    const optimizer = factory({ learningRate: 0.1 });
    const healthy = run(optimizer, gradients);
    const broken = run(
      optimizer,
      gradients.map((row) => row.map((value, i) => (i === 2 ? Number.NaN : value))),
    );
    broken.forEach((row, t) => {
      assert.ok(Number.isNaN(row[2]));
      row[2] = healthy[t]![2]!;
      assert.deepEqual(row, healthy[t]);
    });
  });

  test(`${name}() refuses a learning rate that is not positive`, () => {
    for (const learningRate of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.throws(() => factory({ learningRate }), {
        name: 'RangeError',
        message: `Cannot create ${name}: "learningRate" must be a positive finite number, got ${learningRate}`,
      });
    }
  });
}

test('options out of range are refused by name', () => {
  assert.throws(() => momentum({ learningRate: 1, momentum: 1 }), /"momentum" must be at least 0 and below 1, got 1/);
  assert.throws(() => adam({ learningRate: 1, beta2: -0.1 }), /"beta2" must be at least 0 and below 1, got -0.1/);
  assert.throws(() => rprop({ learningRate: 1, etaPlus: 0.9 }), /"etaMinus" < 1 < "etaPlus" is required/);
  assert.throws(() => rprop({ learningRate: 1, minStepSize: 2, maxStepSize: 1 }), /"maxStepSize" must be at least/);
});
