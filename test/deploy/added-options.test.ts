import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { everyOption, flagNames } from '../../deploy/commands/flags.js';
import { train } from '../../deploy/commands/train.js';
import { configure } from '../../deploy/run/train-flags.js';
import { sweepFlags } from '../../deploy/sweep/sweep-flags.js';
import type { ArchitectureSpec } from '../../shared/architectures/architecture.js';
import { addArchitecture } from '../../shared/architectures/registry.js';
import { LoptError, UsageError } from '../../shared/errors.js';
import type { EstimatorSpec } from '../../shared/estimators/estimator.js';
import { addEstimator } from '../../shared/estimators/registry.js';
import { shapeOf } from '../../shared/options/kinds.js';
import { type OptionDeclarations, rowsOf } from '../../shared/options/option.js';
import { optionTable } from '../../shared/options/table.js';
import { exactly, object } from '../../shared/shape.js';
import type { UpdateRule } from '../../worker/architectures/architecture.js';
import { addRule } from '../../worker/architectures/registry.js';

const SCALE_OPTIONS = {
  width: {
    describe: 'how wide it is',
    group: 'architecture',
    kind: { type: 'number', rule: { integer: true, minimum: 1, maximum: 9 }, default: 4 },
    path: 'architecture.width',
  },
  'output-scale': {
    describe: 'factor on the gradient',
    group: 'architecture',
    kind: { type: 'number', rule: { maximum: 0 }, default: -0.5 },
    path: 'architecture.scale',
    advice: 'outputScale',
  },
} as const satisfies OptionDeclarations;

interface ScaleConfig {
  readonly type: 'scale';
  readonly width: number;
  readonly scale: number;
}

/** An architecture of two options, one of which has the name of another architecture's. */
const scale: ArchitectureSpec<ScaleConfig> = {
  type: 'scale',
  summary: 'gradient descent',
  options: rowsOf(SCALE_OPTIONS),
  shape: object<ScaleConfig>({
    type: exactly('scale'),
    width: shapeOf(SCALE_OPTIONS.width.kind),
    scale: shapeOf(SCALE_OPTIONS['output-scale'].kind),
  }),
  tensors: ({ width }) => [{ name: 'w', shape: [width], deviation: 0 }],
  reads: () => ['gradient'],
  state: () => [],
  flops: () => ({ forward: 1, backward: 1 }),
  indifferentiable: () => undefined,
  describe: ({ width }) => `width ${width}`,
  toMetadata: () => ({}),
  fromMetadata: () => ({ type: 'scale', width: 4, scale: -0.5 }),
};

const scaleRule: UpdateRule<ScaleConfig> = {
  type: 'scale',
  definition:
    ({ scale: factor }) =>
    (_phi, { gradient }) => ({ updates: gradient.map((x) => factor * x), state: [] }),
  tensorStep:
    ({ scale: factor }) =>
    (tf, _phi, { gradient }) => ({ updates: tf.mul(gradient, factor), state: [] }),
  kernels: {},
};

interface GuessConfig {
  readonly type: 'guess';
  readonly deviation: number;
}

const GUESS_OPTIONS = {
  deviation: {
    describe: 'how far it guesses',
    group: 'estimator',
    kind: { type: 'number', rule: { minimum: 0, exclusive: true }, default: 0.01 },
    path: 'estimator.deviation',
    changeable: true,
  },
} as const satisfies OptionDeclarations;

const guess: EstimatorSpec<GuessConfig> = {
  type: 'guess',
  summary: 'a guess',
  options: rowsOf(GUESS_OPTIONS),
  shape: object<GuessConfig>({ type: exactly('guess'), deviation: shapeOf(GUESS_OPTIONS.deviation.kind) }),
  needs: () => ({ backward: false, secondDerivatives: false, trajectories: 1 }),
};

/** Adds what no other module knows the type of. */
function add(architecture: object, estimator: object): void {
  addArchitecture(architecture as ArchitectureSpec);
  addEstimator(estimator as EstimatorSpec);
}

async function refusal(flags: Record<string, unknown>): Promise<string> {
  try {
    await configure('Cannot test', 'quadratic', flags);
  } catch (error) {
    assert.ok(error instanceof UsageError);
    return error.message;
  }
  throw new Error('it was not refused');
}

describe('an architecture and an estimator that are added', () => {
  before(() => {
    add(scale, guess);
    addRule(scaleRule as unknown as UpdateRule);
  });

  it('bring their flags to every command that trains', () => {
    const names = flagNames(train);
    for (const name of ['width', 'output-scale', 'deviation']) {
      assert.equal(names.filter((each) => each === name).length, 1, name);
    }
  });

  it('are choices, and are shown with their options', () => {
    const shown = new Map(everyOption().map((option) => [option.name, option]));
    const { kind, describe: described } = shown.get('architecture')!.rows[0];
    assert.deepEqual(kind, { type: 'choice', choices: ['lstm', 'mlp', 'scale'], default: 'lstm' });
    assert.match(described, /; scale, gradient descent$/);
    assert.equal(shown.get('width')!.heading, 'Architecture scale');
    assert.equal(shown.get('deviation')!.heading, 'Estimator guess');
    const { heading, describe: both, standard } = shown.get('output-scale')!;
    assert.deepEqual(
      [heading, both],
      ['Architecture', 'lstm: factor on the output of the network; scale: factor on the gradient'],
    );
    assert.match(standard, /^lstm: 0\.1; .*; scale: -0\.5; /);
  });

  it('are configured by them, with nothing of the others', async () => {
    const flags = { architecture: 'scale', estimator: 'guess', width: '7', 'output-scale': -2 };
    const { config } = await configure('Cannot test', 'quadratic', flags);
    assert.deepEqual(config.architecture, { type: 'scale', width: 7, scale: -2 });
    assert.deepEqual(config.estimator, { type: 'guess', deviation: 0.01 });
    // the first engine of the CPU that can
    assert.equal(config.engine, 'reference');
    // what goes backward without second derivatives has other advice; a guess does not
    assert.equal(config.unroll, 10);
  });

  it('refuse what they cannot be, and options of the others', async () => {
    assert.equal(
      await refusal({ architecture: 'scale', width: 10 }),
      'Cannot test: "width" must be an integer from 1 to 9, got 10',
    );
    assert.equal(
      await refusal({ width: 3 }),
      'Cannot test: "width" must be left out with architecture lstm, since it is an option of scale',
    );
    assert.equal(
      await refusal({ estimator: 'guess', imitate: 0.5 }),
      'Cannot test: "imitate" must be left out with estimator guess, since it is an option of bptt',
    );
    assert.equal(
      await refusal({ architecture: 'scale', engine: 'wasm' }),
      'Cannot test: engine wasm cannot compute architecture scale',
    );
  });

  it('can be swept, by the values that any of them takes', () => {
    const flags = sweepFlags('quadratic')(null);
    assert.equal(flags.get('deviation')!.mutable, true);
    const { check } = flags.get('output-scale')!;
    check!(0.1);
    check!(-0.1);
    assert.throws(() => check!('x'), new UsageError('"output-scale" must be a number greater than 0, got "x"'));
    assert.throws(() => flags.get('width')!.check!(0), UsageError);
  });

  it('must have no option that every run has, or that both have', () => {
    const twice = { clip: { ...GUESS_OPTIONS.deviation, path: 'estimator.clip' } } satisfies OptionDeclarations;
    add({ ...scale, type: 'other' }, { ...guess, type: 'double', options: rowsOf(twice) });
    assert.throws(
      optionTable,
      new LoptError('Cannot make the table of options: "clip" must stand for one option of a run'),
    );
  });
});
