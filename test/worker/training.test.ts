import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import type { LstmConfig } from '../../shared/architectures/lstm.js';
import type { BpttConfig } from '../../shared/estimators/bptt.js';
import { initialPhi } from '../../shared/phi.js';
import { fillNormal, type Key, seedKey } from '../../shared/random.js';
import type { AugmentationConfig } from '../../shared/training.js';
import { zeroLstmState } from '../../worker/architectures/lstm/definition.js';
import { cloneShard } from '../../worker/engines/clone-shard.js';
import type { ShardState } from '../../worker/engines/engine.js';
import { createWasmEngine } from '../../worker/engines/host/kernel-engine.js';
import { createReferenceEngine } from '../../worker/engines/tensor/reference-engine.js';
import type { Estimate } from '../../worker/estimators/estimator.js';
import { type ImitatingState, imitates } from '../../worker/estimators/imitating.js';
import { lossWeightsOf } from '../../worker/estimators/loss-weights.js';
import { createEstimator } from '../../worker/estimators/registry.js';
import { hessianVectorProduct } from '../../worker/problems/derivatives/hessian.js';
import type { Problems, Split } from '../../worker/problems/problem.js';
import { scaleGradient, scaleHessian, scaleProblems } from '../../worker/training/scaled-problems.js';
import { relativeError } from '../contracts/engine.js';
import { drawCase, gradientAt, KEY, row } from '../fixtures/drawn-problems.js';
import { type FrozenWindow, unrollFrozen } from '../fixtures/frozen-loss.js';
import { NO_AUGMENTATION, PLAIN_BPTT } from '../fixtures/run-config.js';

const NETWORK: LstmConfig = {
  type: 'lstm',
  layers: [4, 3],
  preprocessing: 'log-and-sign',
  outputScale: 0.1,
  logAndSignP: 10,
};
const STEPS = 6;
/** Two windows. */
const HORIZON = 2 * STEPS;

/** φ with weights large enough for updates that matter. */
const PHI = Float32Array.from(initialPhi(NETWORK, seedKey(7)), (value) => 2 * value);

const episode = { seed: 1, member: 0, shard: 2, episode: 5, problems: 2, horizon: HORIZON };

/** What an engine was given and gave back in two windows of an episode. */
interface Trained {
  /** ∇_0…∇_2K, each [N], as the engine saw them. */
  gradients: Float32Array[];
  /** Their states are copies. */
  windows: Estimate<{ shard: ShardState; teacher: ImitatingState['teacher'] }>[];
}

/** What windows are trained with. */
type Options = Partial<BpttConfig> & { scaling?: AugmentationConfig };

/** Trains two windows of an episode of quadratics, and records what the engine saw. */
async function trainTwo(engineName: 'wasm' | 'reference', options: Options): Promise<Trained> {
  const { scaling, ...bptt } = options;
  const estimator = createEstimator({ ...PLAIN_BPTT, ...bptt });
  const drawn = await drawCase({ family: 'quadratic', options: { dimension: 3 } }, 2);
  const { problems, gradient } = scaling
    ? {
        problems: scaleProblems(drawn.problems, scaling),
        gradient: scaleGradient(drawn.gradientOf, scaling),
      }
    : { problems: drawn.problems, gradient: drawn.gradientOf };
  const engine =
    engineName === 'wasm'
      ? await createWasmEngine({ problems, architecture: NETWORK, gradient })
      : await createReferenceEngine({ problems, architecture: NETWORK });
  let state = await estimator.begin(engine, PHI, episode);
  // a window of one step after the other: what they leave is what a long window meets
  let walk = cloneShard(shardOf(state).shard);
  const rows = [walk.gradient.slice()];
  while (rows.length <= HORIZON) {
    walk = (await engine.window({ phi: PHI, state: walk, steps: 1, forwardOnly: true })).state;
    rows.push(walk.gradient.slice());
  }
  const windows: Trained['windows'] = [];
  for (let window = 0; window < 2; window++) {
    const result = await estimator.window(engine, PHI, state, { ...episode, window, steps: STEPS });
    state = result.state;
    const { shard, teacher } = shardOf(state);
    windows.push({ ...result, state: { shard: cloneShard(shard), teacher } });
  }
  engine.close();
  return { gradients: rows, windows };
}

/** The shard in an estimator's state, and the teacher if it imitates. */
function shardOf(state: unknown): Trained['windows'][number]['state'] {
  return 'shard' in (state as object) ? (state as ImitatingState) : { shard: state as ShardState, teacher: undefined };
}

/** a_0…a_{K−1} of Adam in float64 (Kingma and Ba 2014, algorithm 1) over the gradients of an episode, each [N]. */
function adamUpdates(gradients: readonly Float32Array[], learningRate: number): Float64Array[] {
  const m = new Float64Array(gradients[0]!.length);
  const v = new Float64Array(m.length);
  return gradients.map((slopes, index) => {
    const t = index + 1;
    return m.map((_, i) => {
      m[i] = 0.9 * m[i]! + 0.1 * slopes[i]!;
      v[i] = 0.999 * v[i]! + 0.001 * slopes[i]! ** 2;
      return (-learningRate * m[i]!) / (1 - 0.9 ** t) / (Math.sqrt(v[i]! / (1 - 0.999 ** t)) + 1e-8);
    });
  });
}

/** dφ by central differences of a loss of the window's updates, in float64. */
function slopesOf(window: FrozenWindow, loss: (updates: readonly Float64Array[]) => number): Float64Array {
  const phi = Float64Array.from(PHI);
  return phi.map((value, i) => {
    const at = (moved: number) => loss(unrollFrozen(window, phi.with(i, moved)).updates);
    return (at(value + 1e-5) - at(value - 1e-5)) / 2e-5;
  });
}

/** Σ_t w_t·<∇_t, θ_t − θ_0>, whose slopes are those of Σ_t w_t f_t(θ_t) where second derivatives are dropped. */
function weightedLoss(updates: readonly Float64Array[], gradients: readonly Float32Array[], weights: number[]): number {
  const moved = new Float64Array(updates[0]!.length);
  let loss = 0;
  updates.forEach((update, s) => {
    for (let i = 0; i < moved.length; i++) {
      moved[i] = moved[i]! + update[i]!;
      loss += weights[s]! * gradients[s + 1]![i]! * moved[i]!;
    }
  });
  return loss;
}

/** The second window: its gradients, and its state before. */
function secondWindow(gradients: readonly Float32Array[]): FrozenWindow {
  const start = { architecture: NETWORK, initialState: zeroLstmState(NETWORK, 6), lossWeights: [] };
  const first = unrollFrozen({ ...start, gradients: gradients.slice(0, STEPS + 1) }, Float64Array.from(PHI));
  return { ...start, initialState: first.state, gradients: gradients.slice(STEPS) };
}

const ONES = Array<number>(STEPS).fill(1);
const LINEAR = [2 / 7, 4 / 7, 6 / 7, 8 / 7, 10 / 7, 12 / 7];
const LAST = [0, 0, 0, 0, 0, 6];

describe('lossWeightsOf()', () => {
  it('has a sum of K, and the shape that its name says', () => {
    assert.equal(lossWeightsOf('uniform', STEPS), undefined);
    assert.deepEqual(lossWeightsOf('linear', STEPS), Float32Array.from(LINEAR));
    assert.deepEqual(lossWeightsOf('last', STEPS), Float32Array.from(LAST));
    assert.deepEqual(lossWeightsOf('linear', 1), Float32Array.of(1));
    assert.deepEqual(lossWeightsOf('last', 1), Float32Array.of(1));
  });
});

for (const engine of ['wasm', 'reference'] as const) {
  describe(`bptt on engine ${engine} gives the slopes of the loss in float64`, () => {
    const plain: [name: string, options: Options, weights: number[]][] = [
      ['uniform weights', {}, ONES],
      ['linear weights', { lossWeights: 'linear' }, LINEAR],
      ['the last weight alone', { lossWeights: 'last' }, LAST],
      ['scaled coordinates', { scaling: { ...NO_AUGMENTATION, coordinateScale: 3 } }, ONES],
      ['problems and tensors scaled', { scaling: { ...NO_AUGMENTATION, problemScale: 0.5, tensorScale: 0.5 } }, ONES],
    ];
    for (const [name, options, weights] of plain) {
      it(`with ${name}`, async () => {
        const { gradients, windows } = await trainTwo(engine, options);
        const window = secondWindow(gradients);
        const expected = slopesOf(window, (updates) =>
          weightedLoss(updates, window.gradients as Float32Array[], weights),
        );
        const error = relativeError(windows[1]!.metaGradient, expected);
        assert.ok(error < 1e-4, `${error}`);
      });
    }

    it('with imitation of Adam, which has seen the episode from its beginning', async () => {
      const imitation = { share: 1, learningRate: 0.05, weight: 300 };
      const { gradients, windows } = await trainTwo(engine, { imitation, lossWeights: 'linear' });
      const window = secondWindow(gradients);
      const wanted = adamUpdates(gradients, imitation.learningRate).slice(STEPS, HORIZON);
      const distance = (updates: readonly Float64Array[]) =>
        updates.reduce((sum, update, s) => sum + update.reduce((all, g, i) => all + (g - wanted[s]![i]!) ** 2, 0), 0);
      const own = slopesOf(window, (updates) => weightedLoss(updates, window.gradients as Float32Array[], LINEAR));
      const all = slopesOf(
        window,
        (updates) => weightedLoss(updates, window.gradients as Float32Array[], LINEAR) + 300 * distance(updates),
      );
      assert.ok(relativeError(windows[1]!.metaGradient, all) < 1e-4, `${relativeError(windows[1]!.metaGradient, all)}`);
      // the imitation is a part of it that matters
      assert.ok(relativeError(own, all) > 0.05, `${relativeError(own, all)}`);
    });
  });
}

describe('imitating()', () => {
  it('leaves θ, h, ∇ and loss of an imitating episode as they are without imitation', async () => {
    const imitation = { share: 1, learningRate: 0.05, weight: 300 };
    const [imitating, plain] = [await trainTwo('wasm', { imitation }), await trainTwo('wasm', {})];
    for (const [index, { state, loss }] of imitating.windows.entries()) {
      assert.ok(state.teacher);
      assert.deepEqual(state.shard, plain.windows[index]!.state.shard);
      assert.equal(loss, plain.windows[index]!.loss);
    }
  });

  it('advances the teacher in a replay as it did before', async () => {
    const { problems, gradientOf } = await drawCase({ family: 'quadratic', options: { dimension: 3 } }, 2);
    const engine = await createWasmEngine({ problems, architecture: NETWORK, gradient: gradientOf });
    const estimator = createEstimator({ ...PLAIN_BPTT, imitation: { share: 1, learningRate: 0.05, weight: 1 } });
    const after: ImitatingState[] = [];
    for (const metaGradient of [true, false]) {
      const state = await estimator.begin(engine, PHI, episode);
      const place = { ...episode, window: 0, steps: STEPS };
      const result = await estimator.window(engine, PHI, state, place, { metaGradient });
      const { shard, teacher } = result.state as ImitatingState;
      after.push({ shard: cloneShard(shard), teacher });
    }
    engine.close();
    assert.ok(after[0]!.teacher);
    assert.deepEqual(after[1], after[0]);
  });
});

describe('imitates()', () => {
  const shareOf = (share: number) => {
    const imitation = { share, learningRate: 1, weight: 1 };
    const episodes = Array.from({ length: 4000 }, (_, index) => imitates({ ...episode, episode: index }, imitation));
    return episodes.filter((each) => each).length / 4000;
  };

  it('holds for the share of the episodes that is asked for', () => {
    assert.equal(shareOf(0), 0);
    assert.equal(shareOf(1), 1);
    // three standard deviations
    assert.ok(Math.abs(shareOf(0.3) - 0.3) < 0.022, `${shareOf(0.3)}`);
  });
});

/** The families whose draws are of each kind: data of their own or none, a closed form or none. */
const FAMILIES: [family: string, options: Record<string, unknown>][] = [
  ['quadratic', { dimension: 4, 'initial-scale': 1 }],
  ['rosenbrock', { dimension: 4 }],
  ['logistic', {}],
];

const RANGE = 1.5;

/** What may be scaled: one thing, or all that compose. */
const SCALINGS: [name: string, scaling: AugmentationConfig][] = [
  ['coordinates', { ...NO_AUGMENTATION, coordinateScale: RANGE }],
  ['problems', { ...NO_AUGMENTATION, problemScale: 1 }],
  ['tensors', { ...NO_AUGMENTATION, tensorScale: 1 }],
  ['losses', { ...NO_AUGMENTATION, lossScale: 1 }],
  ['all', { coordinateScale: 0.5, problemScale: 0.5, tensorScale: 0.5, lossScale: 1 }],
];

for (const [name, scaling] of SCALINGS) testScaling(name, scaling);

function testScaling(name: string, scaling: AugmentationConfig): void {
  describe(`scaleProblems() of ${name}`, () => testScalingOf(scaling));
}

function testScalingOf(scaling: AugmentationConfig): void {
  async function scaled(family: string, options: Record<string, unknown>, split: Split = 'train', key: Key = KEY) {
    const drawn = await drawCase({ family, options, split, key }, 3);
    const problems = scaleProblems(drawn.problems, scaling);
    const { theta, data } = problems.draw(key, 3, split);
    const batch = { count: 3, data, key, split };
    return { drawn, problems, gradientOf: scaleGradient(drawn.gradientOf, scaling), theta, batch };
  }

  for (const [family, options] of FAMILIES) {
    it(`${family}: begins where the family does, with the slopes of f(c∘θ)`, async () => {
      const { drawn, ...own } = await scaled(family, options);
      const { gradient, losses } = gradientAt(own, 0);
      const before = gradientAt(drawn, 0);
      for (let p = 0; p < 3; p++) {
        const error = Math.abs(losses[p]! - before.losses[p]!) / Math.abs(before.losses[p]!);
        assert.ok(error < 1e-5, `f(θ_0) of problem ${p}: ${error}`);
      }
      const { coordinates } = drawn;
      // s: what the gradient is of is s·f
      const factors = scaling.lossScale > 0 ? own.batch.data.slice(-3) : Float32Array.of(1, 1, 1);
      for (let p = 0; p < 3; p++) {
        const expected = row(gradient, p, coordinates).map((_, j) => {
          const at = (moved: number) =>
            gradientAt({ ...own, theta: own.theta.with(p * coordinates + j, moved) }, 0).losses[p]!;
          const x = own.theta[p * coordinates + j]!;
          const width = 1e-3 * Math.max(0.1, Math.abs(x));
          const [above, under] = [Math.fround(x + width), Math.fround(x - width)];
          return (factors[p]! * (at(above) - at(under))) / (above - under);
        });
        const error = relativeError(row(gradient, p, coordinates), expected);
        assert.ok(error < 5e-3, `problem ${p}: ${error}`);
      }
    });

    it(`${family}: H·v is that of the scaled tensor loss`, async () => {
      const { drawn, problems, theta, batch } = await scaled(family, options);
      const vector = new Float32Array(theta.length);
      fillNormal(seedKey(7), vector);
      const product = new Float32Array(theta.length);
      scaleHessian(drawn.problems.createHessian!(), scaling)(theta, vector, batch, 0, product);
      const expected = tf.tidy(() =>
        hessianVectorProduct(tf, problems, tf.tensor1d(theta), tf.tensor1d(vector), batch, 0).dataSync(),
      );
      assert.ok(relativeError(product, expected) < 1e-4, `${relativeError(product, expected)}`);
    });

    it(`${family}: the tensor loss agrees with the gradient's losses`, async () => {
      const { problems, theta, batch, ...own } = await scaled(family, options);
      const { losses } = gradientAt({ theta, batch, gradientOf: own.gradientOf }, 0);
      const tensor = tf.tidy(() => problems.loss(tf, tf.tensor2d(theta, [3, theta.length / 3]), batch, 0).dataSync());
      assert.ok(relativeError(tensor, losses) < 1e-5);
      // and where an engine holds the data on its device
      const held = tf.tidy(() => {
        const data = tf.tensor2d(batch.data.slice(), [3, batch.data.length / 3]);
        const point = tf.tensor2d(theta, [3, theta.length / 3]);
        return problems.loss(tf, point, { ...batch, tensor: data }, 0).dataSync();
      });
      assert.deepEqual(held, tensor);
    });

    it(`${family}: leaves what is held out as it is`, async () => {
      const { drawn, theta, batch, gradientOf } = await scaled(family, options, 'held-out');
      assert.deepEqual([theta, batch.data], [drawn.theta, drawn.batch.data]);
      assert.deepEqual(gradientAt({ theta, batch, gradientOf }, 0), gradientAt(drawn, 0));
    });
  }
}

describe('scaleProblems()', () => {
  it('draws log c from U(−R, R), anew for every coordinate, problem and episode', async () => {
    const logs = async (key: Key) => {
      const { problems } = await drawCase({ family: 'quadratic', options: { dimension: 20 } }, 1);
      const all: Problems = scaleProblems(problems, { ...NO_AUGMENTATION, coordinateScale: RANGE });
      const { data } = all.draw(key, 200, 'train');
      return data.slice(-4000).map((c) => Math.log(c));
    };
    const [one, other] = [await logs(seedKey(1)), await logs(seedKey(2))];
    assert.equal(new Set([...one, ...other]).size > 7900, true);
    const mean = one.reduce((sum, x) => sum + x, 0) / one.length;
    const square = one.reduce((sum, x) => sum + x * x, 0) / one.length;
    // of U(−R, R): mean 0 and variance R²/3, each within four standard errors
    assert.ok(Math.abs(mean) < (4 * RANGE) / Math.sqrt(3 * 4000), `${mean}`);
    assert.ok(Math.abs(square - RANGE ** 2 / 3) < 0.05, `${square}`);
    assert.ok(Math.max(...one) <= RANGE + 1e-6 && Math.min(...one) >= -RANGE - 1e-6);
  });

  /** ln c of logistic regression's tensors (weights, then a bias) and ln s, for every problem. */
  async function drawnOf(scaling: Partial<AugmentationConfig>, key = seedKey(1)) {
    const { problems } = await drawCase({ family: 'logistic', options: {} }, 1);
    const { coordinates } = problems;
    const all = { ...NO_AUGMENTATION, ...scaling };
    const own = problems.draw(key, PROBLEMS, 'train');
    const { data } = scaleProblems(problems, all).draw(key, PROBLEMS, 'train');
    const logs = data.subarray(own.data.length).map(Math.log);
    const scalesTheta = logs.length >= PROBLEMS * coordinates;
    const rows = Array.from({ length: scalesTheta ? PROBLEMS : 0 }, (_, p) => [...row(logs, p, coordinates)]);
    return { rows, losses: [...logs.subarray(rows.length * coordinates)], coordinates };
  }
  const PROBLEMS = 400;

  /** Checks that log10 of the factors is of U(−R, R), by its ends and its mean square R²/3. */
  function assertUniform(logs: readonly number[], range: number): void {
    const exponents = logs.map((log) => log / Math.LN10);
    assert.ok(Math.max(...exponents) < range && Math.max(...exponents) > 0.95 * range);
    assert.ok(Math.min(...exponents) > -range && Math.min(...exponents) < -0.95 * range);
    const square = exponents.reduce((sum, x) => sum + x * x, 0) / exponents.length;
    // four standard errors of a mean of PROBLEMS
    assert.ok(Math.abs(square - range ** 2 / 3) < (4 * 0.3 * range ** 2) / Math.sqrt(PROBLEMS), `${square}`);
  }

  it('draws one factor 10^U(−R, R) for a whole problem', async () => {
    const { rows, losses, coordinates } = await drawnOf({ problemScale: 1.5 });
    assert.ok(coordinates > 2 && losses.length === 0);
    for (const logs of rows) assert.equal(new Set(logs).size, 1);
    assertUniform(
      rows.map(([log]) => log!),
      1.5,
    );
  });

  it('draws one factor 10^U(−R, R) for every tensor', async () => {
    const { rows } = await drawnOf({ tensorScale: 1.5 });
    for (const logs of rows) {
      assert.equal(new Set(logs.slice(0, -1)).size, 1);
      assert.notEqual(logs.at(-1), logs[0]);
    }
    for (const at of [0, -1]) {
      assertUniform(
        rows.map((logs) => logs.at(at)!),
        1.5,
      );
    }
  });

  it('draws one factor 10^U(−R, R) for the loss of a problem', async () => {
    const { rows, losses } = await drawnOf({ lossScale: 1.5 });
    assert.equal(rows.length, 0);
    assertUniform(losses, 1.5);
  });

  it('multiplies the factors that each of them draws alone', async () => {
    const parts = await Promise.all(
      [{ coordinateScale: 1 }, { problemScale: 1 }, { tensorScale: 1 }].map((scaling) => drawnOf(scaling)),
    );
    const { rows, losses } = await drawnOf({ coordinateScale: 1, problemScale: 1, tensorScale: 1, lossScale: 1 });
    const alone = await drawnOf({ lossScale: 1 });
    assert.deepEqual(losses, alone.losses);
    rows.forEach((logs, p) => {
      logs.forEach((log, i) => {
        const sum = parts.reduce((total, part) => total + part.rows[p]![i]!, 0);
        assert.ok(Math.abs(log - sum) < 1e-5);
      });
    });
  });

  it('keeps the shapes of θ', async () => {
    const { problems } = await drawCase({ family: 'logistic', options: {} }, 1);
    const scaled = scaleProblems(problems, { ...NO_AUGMENTATION, tensorScale: 1 });
    assert.equal(scaled.parameters, problems.parameters);
  });
});
