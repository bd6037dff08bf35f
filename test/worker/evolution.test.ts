import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { Reduction } from '../../shared/estimators/evolution.js';
import type { ShardState } from '../../worker/engines/engine.js';
import { sumMetaLosses } from '../../worker/estimators/meta-loss.js';
import type { Pair, Particle } from '../../worker/estimators/particles.js';
import { bitsOf } from '../fixtures/bits.js';
import {
  drawsOf,
  estimatesOf,
  linearVariance,
  meanOf,
  STRATEGIES,
  type Strategy,
  squaredErrors,
  strategy,
  TRUNCATED,
} from '../fixtures/evolution.js';
import { plainEngine, type System } from '../fixtures/plain-engine.js';
import { influenceBalancing, linearSystem, quadraticLoss, quadraticWithLinearRule } from '../fixtures/plain-systems.js';

/** Standard errors within which a mean must lie: a right one misses them once in 16 000 times. */
const ERRORS = 4;

/** A fixture by the estimators' equations; see evolution.py. */
interface Fixture {
  place: { seed: number; member: number; shard: number; episode: number };
  curvature: number;
  starts: number[];
  steps: number;
  sigma: number;
  phis: number[][];
  cases: { type: Strategy; reduction: Reduction; clip: number; estimates: number[][]; losses: number[] }[];
}

const FIXTURE = JSON.parse(
  readFileSync(new URL('../../../test/fixtures/evolution.json', import.meta.url), 'utf8'),
) as Fixture;

/** The mean of a function of N(0, 1)², by the trapezoid rule, whose error is far below rounding here. */
function gaussianMean(of: (x: number, y: number) => number): number {
  const [ends, intervals] = [8, 160];
  const nodes = Array.from({ length: intervals + 1 }, (_, i) => ends * ((2 * i) / intervals - 1));
  const weightOf = (x: number) => ((2 * ends) / intervals) * (Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI));
  return nodes.reduce((sum, x) => sum + nodes.reduce((row, y) => row + weightOf(x) * weightOf(y) * of(x, y), 0), 0);
}

describe('evolution strategies', () => {
  it('agree with their equations in JAX, under a φ that changes between windows', async () => {
    const { place, curvature, starts, steps, sigma, phis, cases } = FIXTURE;
    const system: System = {
      ...quadraticWithLinearRule(curvature, 0),
      initial: (problem) => [starts[problem]!, 0],
    };
    for (const { type, reduction, clip, estimates, losses } of cases) {
      const estimator = strategy(type, sigma, { reduction, clip });
      const engine = plainEngine(system);
      const episode = { ...place, problems: starts.length, horizon: steps * phis.length };
      let state = await estimator.begin(engine, Float32Array.from(phis[0]!), episode);
      for (const [window, phi] of phis.entries()) {
        const at = { ...episode, window, steps };
        const estimate = await estimator.window(engine, Float32Array.from(phi), state, at);
        state = estimate.state;
        const what = `${type} ${reduction} ${clip}, window ${window}: `;
        // the least loss so far is exactly the same if it was lower before
        const [own, expected] = [estimate.metaGradient, estimates[window]!];
        const error = Math.hypot(...expected.map((value, i) => own[i]! - value));
        assert.ok(error <= 1e-6 * Math.hypot(...expected), `${what}${own}, not ${expected}`);
        assert.ok(Math.abs(estimate.loss / losses[window]! - 1) < 1e-6, `${what}${estimate.loss}`);
        assert.equal(estimate.healthy, starts.length);
      }
    }
  });

  it('`es` has the gradient of the smoothed loss as its mean', async () => {
    const [curvature, start, steps, sigma] = [1, 1, 4, 0.3];
    const phi = Float32Array.of(0.7, 0.4);
    const engine = plainEngine(quadraticWithLinearRule(curvature, start));
    const episode = { engine, estimator: strategy('es', sigma), phi, horizon: steps, unroll: steps };
    const draws = await drawsOf(episode, 20_000);
    // d/dφ E[L(φ + σx)] = E[L(φ + σx)·x]/σ
    const at = (x: number, y: number) =>
      quadraticLoss(curvature, start, steps, [phi[0]! + sigma * x, phi[1]! + sigma * y]);
    const smoothed = [gaussianMean((x, y) => at(x, y) * x) / sigma, gaussianMean((x, y) => at(x, y) * y) / sigma];
    const slopes = [0, 1].map((i) => {
      const moved = (by: number) => quadraticLoss(curvature, start, steps, phi.with(i, phi[i]! + by));
      return (moved(1e-4) - moved(-1e-4)) / 2e-4;
    });
    for (const i of [0, 1]) {
      const { mean, error } = meanOf(draws.map((draw) => draw[i]!));
      assert.ok(Math.abs(mean - smoothed[i]!) < ERRORS * error, `${mean} ± ${error}, not ${smoothed[i]}`);
      // which is not the gradient of the loss itself
      assert.ok(Math.abs(mean - slopes[i]!) > 2 * ERRORS * error, `${mean} ± ${error}, slope ${slopes[i]}`);
    }
  });

  it('`pes` and `nres` are without bias where truncated `bptt` and `es` point the wrong way', async () => {
    const [horizon, unroll] = [40, 4];
    const phi = Float32Array.of(0.05);
    const engine = plainEngine(influenceBalancing(8, 3));
    const whole = { engine, phi, horizon };
    // the loss is of degree two in φ, so that smoothing leaves its gradient as it is
    const [exact] = await estimatesOf({ ...whole, estimator: TRUNCATED, unroll: horizon });
    const truncated = await estimatesOf({ ...whole, estimator: TRUNCATED, unroll });
    const wrong = truncated.reduce((sum, [slope]) => sum + slope!, 0);
    assert.ok(exact![0]! * wrong < 0, `${exact![0]} and ${wrong}`);
    const means: [Strategy, number, number][] = [
      ['es', unroll, wrong],
      ['es', horizon, exact![0]!],
      ['pes', unroll, exact![0]!],
      ['nres', unroll, exact![0]!],
    ];
    for (const [type, windows, expected] of means) {
      const draws = await drawsOf({ ...whole, estimator: strategy(type, 0.01), unroll: windows }, 500);
      const { mean, error } = meanOf(draws.map(([draw]) => draw!));
      assert.ok(Math.abs(mean - expected) < ERRORS * error, `${type}: ${mean} ± ${error}, not ${expected}`);
      // and the sign is certain
      assert.ok(Math.abs(mean) > ERRORS * error, `${type}: ${mean} ± ${error}`);
    }
  });

  it('have the variance that theory gives them on a linear loss', async () => {
    const slopes = [1, -0.5, 2];
    const unroll = 2;
    // of the sum over an episode, and of its last window alone
    for (const windows of [[1, 2, 3], [3]])
      for (const type of STRATEGIES) {
        const engine = plainEngine(linearSystem(slopes));
        const episode = { engine, estimator: strategy(type, 0.1), phi: new Float32Array(3), horizon: 6, unroll };
        const { gradient, variance } = linearVariance(type, slopes, unroll, windows);
        const { mean, error } = meanOf(squaredErrors(await drawsOf(episode, 2500, windows[0]! - 1), gradient));
        assert.ok(Math.abs(mean - variance) < ERRORS * error, `${type}: ${mean} ± ${error}, not ${variance}`);
      }
  });

  it('reach the same bits of state when windows are replayed', async () => {
    for (const type of STRATEGIES) {
      const estimator = strategy(type, 0.1, { reduction: 'minimum' });
      const engine = plainEngine(quadraticWithLinearRule(1, 1));
      const phi = Float32Array.of(0.2, 0.1);
      const episode = { seed: 1, member: 0, shard: 3, episode: 2, problems: 2, horizon: 12 };
      const begin = () => estimator.begin(engine, phi, episode);
      let [state, replayed] = [await begin(), await begin()];
      for (const window of [0, 1]) {
        const at = { ...episode, window, steps: 4 };
        state = (await estimator.window(engine, phi, state, at)).state;
        const replay = await estimator.window(engine, phi, replayed, at, { metaGradient: false });
        assert.deepEqual(replay.metaGradient, new Float32Array(2));
        replayed = replay.state;
      }
      assert.deepEqual(bitsIn(replayed), bitsIn(state), type);
      const at = { ...episode, window: 2, steps: 4 };
      const [next, again] = [
        await estimator.window(engine, phi, state, at),
        await estimator.window(engine, phi, replayed, at),
      ];
      assert.deepEqual(bitsOf(again.metaGradient), bitsOf(next.metaGradient), type);
    }
  });

  it('leave out a problem in both particles if it went bad in one', async () => {
    // θ is Σφ; problem 1 goes bad above 0, which is where one of the particles goes
    const spoilt: System = {
      initial: () => [0],
      step: ([theta], phi) => [theta! + phi[0]!],
      loss: ([theta], _t, problem) => (problem === 1 && theta! > 0 ? Number.NaN : 1 + theta!),
    };
    for (const type of STRATEGIES) {
      const episode = { engine: plainEngine(spoilt), estimator: strategy(type, 0.1), phi: Float32Array.of(0) };
      const place = { seed: 1, member: 0, shard: 0, episode: 0, problems: 3, horizon: 4 };
      const at = { ...place, window: 0, steps: 2 };
      const begin = await episode.estimator.begin(episode.engine, episode.phi, place);
      const first = await episode.estimator.window(episode.engine, episode.phi, begin, at);
      assert.equal(first.healthy, 2, type);
      assert.ok(Math.abs(first.loss - 4) < 1e-6 && Math.abs(first.finalLoss - 2) < 1e-6, `${type}: ${first.loss}`);
      // as if there had been two problems
      const other: System = { ...spoilt, loss: ([theta]) => 1 + theta! };
      const [expected] = await estimatesOf({
        ...episode,
        engine: plainEngine(other),
        problems: 2,
        horizon: 4,
        unroll: 2,
      });
      assert.deepEqual(bitsOf(first.metaGradient), bitsOf(expected!), type);
      const states = particlesIn(first.state).map(({ shard }) => shard);
      const bad = type === 'es' ? 1 : 0;
      for (const { healthy, theta } of states) {
        assert.deepEqual([...healthy], [1, bad, 1], type);
        if (bad === 0) assert.equal(theta[1], 0);
      }
    }
  });
});

describe('sumMetaLosses()', () => {
  /** Three problems with f(θ_0) of 1, 2 and −1; the second is bad. Two steps. */
  const state = {
    count: 3,
    healthy: Uint8Array.of(1, 0, 1),
    initialLosses: Float64Array.of(1, 2, -1),
  } as ShardState;
  const losses = Float64Array.of(4, Number.NaN, 0.5, 1.5, 7, 3);
  const sums = (reduction: Reduction, clip: number, least?: Float64Array) =>
    sumMetaLosses({ reduction, clip, split: 'train' }, state, losses, least).loss;

  it('sums the losses of healthy problems, or counts the last one for all steps', () => {
    assert.equal(sums('mean', 0), 4 + 0.5 + 1.5 + 3);
    assert.equal(sums('last', 0), 2 * (1.5 + 3));
    const { finalLoss, healthy } = sumMetaLosses(
      { reduction: 'last', clip: 1, split: 'train' },
      state,
      losses,
      undefined,
    );
    assert.deepEqual([finalLoss, healthy], [4.5, 2]);
  });

  it('clips at a multiple of a positive f(θ_0)', () => {
    assert.equal(sums('mean', 2), 2 + 0.5 + 1.5 + 3);
    assert.equal(sums('last', 1), 2 * (1 + 3));
  });

  it('sums the least losses of the episode so far, and moves them on', () => {
    const least = Float64Array.of(3, 3, 3);
    assert.equal(sums('minimum', 0, least), 3 + 1.5 + 0.5 + 0.5);
    assert.deepEqual([...least], [1.5, 3, 0.5]);
    assert.equal(sums('minimum', 1, Float64Array.of(3, 3, 3)), 1 + 1 + 0.5 + 0.5);
  });
});

/** The particles in a state of any evolution strategy. */
function particlesIn(state: unknown): Particle[] {
  const { plus, minus } = state as Pair;
  return plus ? [plus, minus] : [state as Particle];
}

/** The bits of everything that a state holds. */
function bitsIn(state: unknown): number[] {
  return particlesIn(state).flatMap(({ shard, least }) => [
    shard.step,
    ...shard.healthy,
    ...[shard.theta, shard.gradient, shard.hidden, shard.initialLosses, least!].flatMap((array) => [...bitsOf(array)]),
  ]);
}
