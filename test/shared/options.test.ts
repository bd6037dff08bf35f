import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ARCHITECTURES } from '../../shared/architectures/registry.js';
import { allowsNumber } from '../../shared/check.js';
import type { RunConfig } from '../../shared/config.js';
import { configShape } from '../../shared/config-shape.js';
import { UsageError } from '../../shared/errors.js';
import { ESTIMATORS } from '../../shared/estimators/registry.js';
import { build, valueIn, valuesIn } from '../../shared/options/build.js';
import { ENGINE_NAMES } from '../../shared/options/general.js';
import { checkValue, shapeOf, textOf } from '../../shared/options/kinds.js';
import type { NumberKind, OptionKind, OptionValue } from '../../shared/options/option.js';
import { resolveOptions } from '../../shared/options/resolve.js';
import {
  type ChosenTypes,
  optionNames,
  optionTable,
  rowsByAdvice,
  rowsFor,
  type TableRow,
} from '../../shared/options/table.js';
import { ShapeError } from '../../shared/shape.js';
import { ENGINES } from '../../worker/engines/select.js';
import type { TrainingNumbers } from '../../worker/problems/problem.js';
import { runConfig } from '../fixtures/run-config.js';

const TASK = 'Cannot test';
/** The types that a run with an option has. */
function typesWith({ owner }: Pick<TableRow, 'owner'>): ChosenTypes {
  return { architecture: 'lstm', estimator: 'bptt', ...(owner && { [owner.chooser]: owner.type }) };
}

/** The types that runs choose, each at least once. */
const TYPES = [...ARCHITECTURES.keys()].flatMap((architecture) =>
  [...ESTIMATORS.keys()].map((estimator): ChosenTypes => ({ architecture, estimator })),
);

/** What an option's other values go with, by its name. */
const ALONG: Readonly<Record<string, Record<string, string>>> = {
  orthogonalise: { rule: 'celo2' },
  'scale-loss': { estimator: 'es' },
};

/** The options by which types are chosen. */
const CHOOSERS = ['architecture', 'estimator'] as const;

/** An option's flag, and the type that has it. */
function titleOf({ name, owner }: TableRow): string {
  return owner ? `--${name} of ${owner.type}` : `--${name}`;
}

/** A value as a person gives it. */
function given(kind: OptionKind, value: OptionValue): unknown {
  return kind.type === 'switch' && kind.words ? textOf(kind, value) : value;
}

/** Another value than the default; undefined if there is none. */
function otherValue(kind: OptionKind): OptionValue | undefined {
  switch (kind.type) {
    case 'number':
      return [1000, 0.5, 0].find((number) => allowsNumber(kind.rule, number) && number !== kind.default);
    case 'numbers':
      return [
        [300, 400],
        [3, 4],
      ].find((numbers) => numbers.every((number) => allowsNumber(kind.rule, number)));
    case 'choice':
      return kind.choices.find((choice) => choice !== kind.default);
    case 'switch':
      return !kind.default;
  }
}

/** The configuration of a run with these flags of a family that advises nothing. */
function configOf(flags: Record<string, unknown>): RunConfig {
  const { rows, values } = resolveOptions({ task: TASK, given: flags, training: {} });
  const { version, problem, problemOptions, folders, dataHashes, initialPhi, outer } = runConfig();
  const { beta1, beta2, epsilon } = outer;
  const rest = { version, problem, problemOptions, folders, dataHashes, initialPhi };
  const config = build(rows, values, { ...rest, outer: { beta1, beta2, epsilon } });
  const checked = configShape(config, 'config');
  // nothing is left out: every path is one of a configuration
  assert.deepEqual(checked, config);
  return checked;
}

function assertUsage(call: () => unknown, message: string): void {
  assert.throws(call, (error) => {
    assert.ok(error instanceof UsageError);
    assert.equal(error.message, message);
    return true;
  });
}

describe('the table of options', () => {
  it('has every name once for a run, and its groups one after the other', () => {
    for (const types of TYPES) {
      const names = rowsFor(types).map(({ name }) => name);
      assert.deepEqual([...new Set(names)], names);
    }
    assert.deepEqual(optionNames(), [...new Set(optionTable().map(({ name }) => name))]);
    const groups = optionTable().map(({ group }) => group);
    assert.equal(groups.filter((group, index) => group !== groups[index - 1]).length, new Set(groups).size);
  });

  it('has two options at no path', () => {
    for (const types of TYPES) {
      const paths = rowsFor(types).map(({ path }) => path);
      assert.deepEqual([...new Set(paths)], paths);
    }
  });

  for (const row of optionTable()) {
    it(`${titleOf(row)}: its default passes its own check and its own shape`, () => {
      const { kind } = row;
      assert.deepEqual(checkValue(TASK, row, given(kind, kind.default)), kind.default);
      assert.deepEqual(shapeOf(kind as NumberKind)(kind.default, 'config'), kind.default);
    });
  }

  for (const row of optionTable()) {
    const other = otherValue(row.kind);
    if (other === undefined || CHOOSERS.some((chooser) => chooser === row.name)) continue;
    it(`${titleOf(row)}: its value arrives at ${row.path}, and nowhere else`, () => {
      const types = { ...typesWith(row), ...ALONG[row.name] };
      const [plain, changed] = [configOf({ ...types }), configOf({ ...types, [row.name]: given(row.kind, other) })];
      assert.deepEqual(valueIn(changed, row), other);
      const rows = rowsFor(types);
      const values = new Map(valuesIn(changed, rows)).set(row.name, row.kind.default);
      assert.deepEqual(build(rows, values, { ...changed }), { ...plain });
    });
  }

  for (const chooser of CHOOSERS) {
    it(`--${chooser}: a type brings its own part of the configuration, and changes no other`, () => {
      for (const types of TYPES) {
        const { [chooser]: own, ...others } = configOf({ ...types });
        assert.equal(own.type, types[chooser]);
        const { [chooser]: _standard, ...standard } = configOf({ ...types, [chooser]: undefined });
        assert.deepEqual(others, standard);
      }
    });
  }

  it(`--scale-loss is refused with an estimator that takes its signal from the gradients that are read`, () => {
    const why =
      'estimator bptt weighs problems by the gradients that are read, which "scale-loss" scales, so it must be 0';
    assert.throws(() => configOf({ 'scale-loss': 0.5 }), { message: `${TASK}: ${why}` });
  });

  it('names the engines that there are', () => {
    assert.deepEqual([...ENGINE_NAMES], [...ENGINES.keys()]);
  });

  it('takes advice of the numbers that a problem family may advise', () => {
    const advice: Record<keyof TrainingNumbers, true> = {
      shards: true,
      problems: true,
      horizon: true,
      unroll: true,
      outputScale: true,
      learningRate: true,
      evaluateEvery: true,
      evaluateFunctions: true,
    };
    const rows = [...rowsByAdvice()].filter(([, [{ kind }]]) => kind.type === 'number');
    assert.deepEqual(
      rows.map(([name]) => name),
      Object.keys(advice),
    );
  });
});

describe('shapeOf()', () => {
  it('refuses what the option refuses', () => {
    const wrong: [OptionKind, unknown, string][] = [
      [{ type: 'number', rule: { integer: true, minimum: 1 }, default: 1 }, 0, 'an integer of at least 1, got 0'],
      [{ type: 'number', rule: { minimum: 0, exclusive: true }, default: 1 }, 0, 'a number greater than 0, got 0'],
      [{ type: 'number', rule: {}, default: 1 }, '1', 'a finite number, got "1"'],
      [{ type: 'numbers', rule: {}, default: [] }, Array(65).fill(1), 'a list of at most 64, got a list of 65'],
      [
        { type: 'numbers', rule: {}, default: [1], length: { minimum: 1, maximum: 2, of: 'layers' } },
        [],
        'a list of at least 1 layers, got a list of 0',
      ],
      [{ type: 'choice', choices: ['a', 'b'], default: 'a' }, 'c', 'one of a, b, got "c"'],
      [{ type: 'switch', default: true, words: ['a', 'b'] }, 'a', 'true or false, got "a"'],
    ];
    for (const [kind, value, sentence] of wrong) {
      assert.throws(
        () => shapeOf(kind as NumberKind)(value, 'it'),
        new ShapeError(`"it" must be ${sentence}`),
        JSON.stringify(kind),
      );
    }
  });
});

describe('configShape()', () => {
  it('refuses values that do not go with each other', () => {
    const wrong: [Partial<RunConfig>, string][] = [
      [{ longestHorizon: 5 }, '"it.longestHorizon" must be 0, or at least the horizon of 6, got 5'],
      [{ longestUnroll: 2 }, '"it.longestUnroll" must be 0, or at least the unroll of 3, got 2'],
      [
        { curriculum: { horizons: [9, 8], patience: 1 } },
        '"it.curriculum.horizons" must list at most 64 numbers, ascending from above the horizon of 6, got 9,8',
      ],
    ];
    for (const [change, sentence] of wrong) {
      assert.throws(() => configShape(runConfig(change), 'it'), new ShapeError(sentence));
    }
  });
});

describe('resolveOptions()', () => {
  const lstm = { type: 'lstm', layers: [3], preprocessing: 'both', outputScale: 0.5, logAndSignP: 10 } as const;
  const training = { unroll: 10, secondDerivatives: true, firstOrder: { unroll: 3, outputScale: 7 } };
  const resolve = (flags: Record<string, unknown>, start?: typeof lstm) =>
    resolveOptions({ task: TASK, given: flags, training, start });
  /** Whether second derivatives are kept, the unroll, and the output scale. */
  const chosen = (...request: Parameters<typeof resolve>) => {
    const { values } = resolve(...request);
    return ['second-derivatives', 'unroll', 'output-scale'].map((name) => values.get(name));
  };

  it('takes what is given before what the family advises, and that before the default', () => {
    assert.deepEqual(chosen({}), [true, 10, 0.1]);
    assert.deepEqual(chosen({ unroll: '4' }), [true, 4, 0.1]);
    assert.equal(resolve({}).values.get('clip'), 1);
  });

  it('takes other advice where second derivatives are dropped, or cannot be kept', () => {
    assert.deepEqual(chosen({ 'second-derivatives': false }), [false, 3, 7]);
    assert.deepEqual(chosen({ preprocessing: 'both' }), [false, 3, 7]);
    assert.deepEqual(chosen({ 'second-derivatives': false, unroll: 5 }), [false, 5, 7]);
    assert.deepEqual(
      resolveOptions({ task: TASK, given: {}, training: { firstOrder: { unroll: 2 } } }).values.get('unroll'),
      2,
    );
  });

  it('has the architecture of the φ that it starts from, whatever is advised', () => {
    assert.deepEqual(resolve({}, lstm).architecture, lstm);
    assert.deepEqual(chosen({ 'output-scale': '0.5' }, lstm), [false, 3, 0.5]);
  });

  it('refuses another architecture than that, in the words of both', () => {
    const must = 'Cannot test: the architecture must be the one of the φ it starts from';
    const words = (layers: string) => `lstm (layers ${layers}, preprocessing both, output scale 0.5)`;
    assertUsage(() => resolve({ layers: '3,4' }, lstm), `${must}, ${words('3')}, got ${words('3,4')}`);
  });

  it('refuses what cannot be combined, and what does not go together', () => {
    assertUsage(
      () => resolve({ preprocessing: 'rnnprop', 'second-derivatives': true }),
      'Cannot test: "preprocessing" must not be rnnprop with second derivatives',
    );
    assertUsage(
      () => resolve({ 'longest-unroll': 5 }),
      'Cannot test: "longest-unroll" must be 0, or at least the unroll of 10, got 5',
    );
    assertUsage(
      () => resolve({ horizon: '50..20' }),
      'Cannot test: "longest-horizon" must be 0, or at least the horizon of 50, got 20',
    );
    assertUsage(
      () => resolve({ horizon: '50..200', horizons: '300' }),
      'Cannot test: "longest-horizon" must be 0 with a curriculum of horizons, got 200',
    );
    // held against the unroll that the run has in the end
    assert.equal(resolve({ 'longest-unroll': 5, 'second-derivatives': false }).values.get('longest-unroll'), 5);
  });

  it('takes a range for two options', () => {
    const ranged = resolve({ horizon: '100..2000' });
    assert.deepEqual(ranged, resolve({ horizon: 100, 'longest-horizon': 2000 }));
    assert.deepEqual([ranged.values.get('horizon'), ranged.values.get('longest-horizon')], [100, 2000]);
    const wrong: [Record<string, unknown>, string][] = [
      [{ horizon: '..20' }, '"horizon" must be an integer of at least 1, got ""'],
      [{ horizon: '20..' }, '"longest-horizon" must be an integer of at least 0, got ""'],
      [{ horizon: '1..2..3' }, '"horizon" must be an integer of at least 1, got "1..2..3"'],
      [{ unroll: '1..2' }, '"unroll" must be an integer of at least 1, got "1..2"'],
      [
        { horizon: '10..20', 'longest-horizon': 20 },
        '"longest-horizon" must be left out if "horizon" is a range, got 10..20',
      ],
    ];
    for (const [given, sentence] of wrong) assertUsage(() => resolve(given), `Cannot test: ${sentence}`);
  });

  it('refuses types that there are not', () => {
    assertUsage(
      () => resolve({ architecture: 'gru' }),
      'Cannot test: "architecture" must be one of lstm, mlp, got "gru"',
    );
    assertUsage(() => resolve({ estimator: 3 }), 'Cannot test: "estimator" must be one of bptt, es, pes, nres, got 3');
    assertUsage(
      () => resolve({ estimator: null }),
      'Cannot test: "estimator" must be one of bptt, es, pes, nres, got null',
    );
  });
});
