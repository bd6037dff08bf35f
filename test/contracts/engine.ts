/** What every engine must do; run on each implementation. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hasMoments, type LstmConfig } from '../../shared/architectures/lstm.js';
import { phiLength } from '../../shared/phi.js';
import { fillNormal, type Key, seedKey } from '../../shared/random.js';
import { cloneShard } from '../../worker/engines/clone-shard.js';
import type { Engine, ShardState } from '../../worker/engines/engine.js';
import type { Gradient, Problems } from '../../worker/problems/problem.js';
import { familyNamed, optionValues } from '../../worker/problems/registry.js';
import { frozenMetaGradient, unrollFrozen } from '../fixtures/frozen-loss.js';
import { LoadedEngine, type SummedWindow } from '../fixtures/loaded-engine.js';
import { SPOILS, type Spoiling, targetProblems, type WatchedGradient, watch } from '../fixtures/target-problems.js';
import { loadWindowFixtures, type WindowFixture } from '../fixtures/window.js';

const KEY: Key = seedKey(1606);
const NETWORK: LstmConfig = {
  type: 'lstm',
  layers: [4, 3],
  preprocessing: 'log-and-sign',
  outputScale: 0.1,
  logAndSignP: 10,
};

/** What the suite needs to know of an engine. */
export interface EngineUnderTest {
  name: string;
  create(problems: Problems, gradient: Gradient, architecture: LstmConfig): Promise<Engine>;
  /** Whether losses reach the engine as float32. @default false */
  single?: boolean;
  /** Whether it knows RNNProp's inputs. @default true */
  moments?: boolean;
  /** The engine's hidden state from, and to, its parts [N × size]. */
  encode(parts: Float32Array[], architecture: LstmConfig, coordinates: number): Float32Array;
  decode(hidden: Float32Array, architecture: LstmConfig, coordinates: number): Float32Array[];
}

/** Largest difference, over the norm of the expected vector. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  assert.equal(actual.length, expected.length);
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < expected.length; i++) {
    difference += (actual[i]! - expected[i]!) ** 2;
    norm += expected[i]! ** 2;
  }
  return Math.sqrt(difference / norm);
}

/** Problems whose gradient at step t is the recorded row t, whatever θ is: the window becomes teacher-forced. */
export function recordedProblems(coordinates: number, rows: Float32Array): { problems: Problems; gradient: Gradient } {
  const gradient: Gradient = (_theta, _batch, step, out, losses) => {
    out.set(rows.subarray(step * coordinates, (step + 1) * coordinates));
    losses.fill(1);
  };
  const problems: Problems = {
    coordinates,
    draw: () => ({ theta: new Float32Array(coordinates), data: new Float32Array(0) }),
    loss: () => {
      throw new Error('recorded problems have no tensor loss');
    },
    createGradient: () => gradient,
  };
  return { problems, gradient };
}

/** The network of a fixture. */
export function networkOf(fixture: WindowFixture): LstmConfig {
  return {
    type: 'lstm',
    layers: fixture.layers,
    preprocessing: fixture.inputs === 'raw' ? 'none' : 'log-and-sign',
    outputScale: fixture.outputScale,
    logAndSignP: 10,
  };
}

/** Runs an engine over the fixture's gradients, teacher-forced. */
async function runFixture(
  under: EngineUnderTest,
  fixture: WindowFixture,
): Promise<{ engine: LoadedEngine; result: SummedWindow; state: ShardState }> {
  const { problems, gradient } = recordedProblems(fixture.coordinates, fixture.gradients);
  const architecture = networkOf(fixture);
  const engine = new LoadedEngine(await under.create(problems, gradient, architecture), fixture.phi);
  const state = await engine.begin([1, 2], 1, 'train');
  state.hidden.set(under.encode(fixture.initialState, architecture, fixture.coordinates));
  const result = await engine.window({ state, steps: fixture.steps });
  return { engine, result, state };
}

/** The contract. */
export function testEngine(under: EngineUnderTest): void {
  describe(`${under.name} engine`, () => {
    for (const fixture of loadWindowFixtures()) {
      it(`window() agrees with automatic differentiation in float64: ${fixture.name}`, async () => {
        const { engine, result } = await runFixture(under, fixture);
        const { coordinates, steps, expected } = fixture;
        // θ began at 0, so that it ends at the sum of the updates
        const theta = new Float64Array(coordinates);
        for (let i = 0; i < coordinates * steps; i++)
          theta[i % coordinates] = theta[i % coordinates]! + expected.updates[i]!;
        assert.ok(relativeError(result.state.theta, theta) < 1e-5, 'updates');
        assert.ok(
          relativeError(result.metaGradient, expected.metaGradient) < 1e-5,
          `dphi ${relativeError(result.metaGradient, expected.metaGradient)}`,
        );
        under.decode(result.state.hidden, networkOf(fixture), coordinates).forEach((part, index) => {
          assert.ok(relativeError(part, expected.finalState[index]!) < 1e-5, `part ${index} of h`);
        });
        engine.close();
      });
    }
    testWindows(under);
    testBadProblems(under);
  });
}

/** φ with weights large enough for updates that matter. */
export function somePhi(architecture: LstmConfig): Float32Array {
  const phi = new Float32Array(phiLength(architecture));
  fillNormal(seedKey(4474), phi, 0, 0.5);
  return phi;
}

/** The hidden state in float64, as the plain definition wants it. */
function decodeExactly(
  under: EngineUnderTest,
  { hidden, theta }: ShardState,
  architecture: LstmConfig,
): Float64Array[] {
  return under.decode(hidden, architecture, theta.length).map((part) => Float64Array.from(part));
}

/** K rows of N gradients of all magnitudes. */
function someRows(rows: number, coordinates: number): Float32Array {
  const values = new Float32Array(rows * coordinates);
  fillNormal(seedKey(94), values);
  // every fifth one is below e^−10, where LogAndSign changes its form
  return values.map((value, i) => (i % 5 === 4 ? value * 1e-5 : value));
}

/** The laws of a window of healthy problems. */
function testWindows(under: EngineUnderTest): void {
  const networks: LstmConfig[] = [
    { ...NETWORK, layers: [4] },
    NETWORK,
    { ...NETWORK, logAndSignP: 5 },
    { ...NETWORK, preprocessing: 'rnnprop' },
    { ...NETWORK, preprocessing: 'both' },
  ];
  for (const architecture of networks) {
    if (hasMoments(architecture) && under.moments === false) continue;
    const { layers, preprocessing, logAndSignP } = architecture;
    it(`window() gives dφ of the frozen-gradient loss, by differences in float64: quadratic, layers ${layers}, ${preprocessing}, p ${logAndSignP}`, async () => {
      const family = familyNamed('quadratic');
      const problems = await family.configure(optionValues(family, { dimension: 3, 'initial-scale': 1 }));
      const watched = watch(problems.createGradient!(), 3, under.single);
      const phi = somePhi(architecture);
      const engine = new LoadedEngine(await under.create(problems, watched.gradient, architecture), phi);
      const state = await engine.begin(KEY, 3, 'train');
      const lossWeights = Float32Array.of(1, 0.5, 2, 0, 1.5);
      const updateGradient = new Float32Array(5 * 9);
      fillNormal(seedKey(3), updateGradient, 0, 3);
      for (const first of [0, 5]) {
        const initialState = decodeExactly(under, state, architecture);
        const result = await engine.window({ state, steps: 5, lossWeights, updateGradient });
        const gradients = Array.from({ length: 6 }, (_, s) => watched.rows.get(first + s)!);
        const frozen = { architecture, initialState, gradients, lossWeights, updateGradient };
        const error = relativeError(result.metaGradient, frozenMetaGradient(frozen, Float64Array.from(phi)));
        assert.ok(error < 1e-5, `window from step ${first}: ${error}`);
        let loss = 0;
        lossWeights.forEach((weight, s) => {
          for (const f of watched.losses.get(first + s + 1)!) loss += weight * f;
        });
        assert.ok(Math.abs(result.loss - loss) < 1e-12 * loss, 'loss');
        const final = watched.losses.get(first + 5)!.reduce((sum, f) => sum + f, 0);
        assert.ok(Math.abs(result.finalLoss - final) < 1e-12 * final, 'final loss');
        assert.deepEqual([state.step, result.healthy], [first + 5, 3]);
      }
      engine.close();
    });
  }

  for (const [index, coordinates] of [1, 7, 8, 9, 63, 64, 65, 130, 1, 9, 65, 1, 9, 65].entries()) {
    const preprocessing = index < 8 ? NETWORK.preprocessing : index < 11 ? 'rnnprop' : 'both';
    const logAndSignP = index % 2 === 0 ? 10 : 7.5;
    if (hasMoments({ preprocessing }) && under.moments === false) continue;
    it(`window() agrees with the definition in float64 on ${coordinates} coordinates, ${preprocessing}, p ${logAndSignP}`, async () => {
      const architecture: LstmConfig = { type: 'lstm', layers: [3], preprocessing, outputScale: 0.1, logAndSignP };
      const rows = someRows(4, coordinates);
      const { problems, gradient } = recordedProblems(coordinates, rows);
      const phi = somePhi(architecture);
      const engine = new LoadedEngine(await under.create(problems, gradient, architecture), phi);
      const state = await engine.begin(KEY, 1, 'train');
      const initialState = decodeExactly(under, state, architecture);
      const { metaGradient } = await engine.window({ state, steps: 3 });
      const gradients = [0, 1, 2, 3].map((s) => rows.subarray(s * coordinates, (s + 1) * coordinates));
      const frozen = { architecture, initialState, gradients, lossWeights: [1, 1, 1] };
      const exact = unrollFrozen(frozen, Float64Array.from(phi));
      const theta = exact.updates.reduce((sum, row) => sum.map((value, n) => value + row[n]!));
      assert.ok(relativeError(state.theta, theta) < 1e-5, 'updates');
      decodeExactly(under, state, architecture).forEach((part, index) => {
        assert.ok(relativeError(part, exact.state[index]!) < 1e-5, `part ${index} of h`);
      });
      const error = relativeError(metaGradient, frozenMetaGradient(frozen, Float64Array.from(phi)));
      assert.ok(error < 1e-5, `dphi ${error}`);
      engine.close();
    });
  }

  it('window() gives the same bits to the same request, whatever was computed in between', async () => {
    const { engine, state } = await beginTargets(under);
    const updateGradient = someRows(3, state.theta.length);
    const request = () => ({
      state: cloneShard(state),
      steps: 3,
      lossWeights: Float32Array.of(1, 2, 3),
      updateGradient,
    });
    const first = await engine.window(request());
    engine.phi = somePhi(NETWORK).map((value) => -value);
    await engine.window({ state: await engine.begin(seedKey(7), 5, 'train'), steps: 4 });
    engine.phi = somePhi(NETWORK);
    assert.deepEqual(await engine.window(request()), first);
    assert.ok(first.metaGradient.some((value) => value !== 0));
    engine.close();
  });

  it('begin() and window() give the same bits in another engine of the same configuration', async () => {
    const results: SummedWindow[] = [];
    for (let i = 0; i < 2; i++) {
      const { engine, state } = await beginTargets(under);
      results.push(await engine.window({ state, steps: 3 }));
      engine.close();
    }
    assert.deepEqual(results[0], results[1]);
  });

  it('window() over 3 and 2 steps leaves the state of one over 5', async () => {
    const { engine, state } = await beginTargets(under);
    const whole = await engine.window({ state: cloneShard(state), steps: 5 });
    const first = await engine.window({ state, steps: 3 });
    const firstLoss = first.loss;
    const second = await engine.window({ state: first.state, steps: 2 });
    assert.deepEqual(second.state, whole.state);
    assert.equal(second.finalLoss, whole.finalLoss);
    assert.ok(Math.abs(firstLoss + second.loss - whole.loss) < 1e-12 * whole.loss);
    engine.close();
  });

  it('window() leaves the same state where it only goes forward', async () => {
    const { engine, state } = await beginTargets(under);
    const forward = await engine.window({ state: cloneShard(state), steps: 3, forwardOnly: true });
    const both = await engine.window({ state, steps: 3 });
    assert.deepEqual(forward.state, both.state);
    assert.deepEqual([forward.loss, forward.finalLoss, forward.healthy], [both.loss, both.finalLoss, both.healthy]);
    assert.deepEqual(forward.metaGradient, new Float32Array(phiLength(NETWORK)));
    assert.ok(both.metaGradient.some((value) => value !== 0));
    engine.close();
  });

  it('window() adds no additional dL/dg for a problem that was bad before', async () => {
    const { engine, watched, state } = await beginTargets(under);
    watched.spoilings = [{ problem: 1, step: 1, spoil: SPOILS['a NaN loss']! }];
    await engine.window({ state, steps: 2 });
    const updateGradient = someRows(3, state.theta.length);
    const without = updateGradient.map((value, i) => (Math.floor((i % 20) / 5) === 1 ? 0 : value));
    const result = await engine.window({ state: cloneShard(state), steps: 3, updateGradient });
    const expected = await engine.window({ state, steps: 3, updateGradient: without });
    assert.deepEqual(result.metaGradient, expected.metaGradient);
    engine.close();
  });

  it('rollout() runs as window() does', async () => {
    const { engine, state, watched } = await beginTargets(under);
    await engine.window({ state, steps: 4 });
    const expected = [0, 1, 2, 3, 4].flatMap((t) => [...watched.losses.get(t)!]);
    watched.losses.clear();
    assert.deepEqual([...(await engine.rollout({ key: KEY, count: 4, split: 'train', horizon: 4 }))], expected);
    assert.ok(expected[16] !== expected[12]);
    engine.close();
  });
}

/** An engine over target problems, their watched gradient, and a shard of them at the start of an episode. */
async function beginTargets(
  under: EngineUnderTest,
  { count = 4, coordinates = 5, rows }: { count?: number; coordinates?: number; rows?: readonly number[] } = {},
): Promise<{ engine: LoadedEngine; watched: WatchedGradient; state: ShardState }> {
  const { problems, gradient } = targetProblems(coordinates, rows);
  const watched = watch(gradient, coordinates, under.single);
  const engine = new LoadedEngine(await under.create(problems, watched.gradient, NETWORK), somePhi(NETWORK));
  return { engine, watched, state: await engine.begin(KEY, count, 'train') };
}

/** θ, ∇ and the hidden state of one problem. */
function problemOf(under: EngineUnderTest, state: ShardState, problem: number): Float32Array[] {
  const coordinates = state.theta.length / state.count;
  const part = (values: Float32Array, width = 1) =>
    values.slice(problem * coordinates * width, (problem + 1) * coordinates * width);
  const parts = under
    .decode(state.hidden, NETWORK, state.theta.length)
    .map((values) => part(values, values.length / state.theta.length));
  return [part(state.theta), part(state.gradient), ...parts];
}

function assertOnlyOneBad(
  under: EngineUnderTest,
  state: ShardState,
  healthy: ShardState,
  bad: number,
  how: string,
): void {
  for (let p = 0; p < state.count; p++) {
    assert.equal(state.healthy[p], p === bad ? 0 : 1, how);
    const expected = problemOf(under, healthy, p);
    assert.deepEqual(
      problemOf(under, state, p),
      p === bad ? expected.map(({ length }) => new Float32Array(length)) : expected,
      how,
    );
  }
}

/** The shard with one problem bad already, as it is at the start of a window. */
function withBad(under: EngineUnderTest, state: ShardState, bad: number): ShardState {
  const result = cloneShard(state);
  const coordinates = state.theta.length / state.count;
  const parts = under.decode(state.hidden, NETWORK, state.theta.length);
  const clear = (values: Float32Array, width = 1) =>
    values.fill(0, bad * coordinates * width, (bad + 1) * coordinates * width);
  clear(result.theta);
  clear(result.gradient);
  for (const part of parts) clear(part, part.length / state.theta.length);
  result.hidden.set(under.encode(parts, NETWORK, state.theta.length));
  result.healthy[bad] = 0;
  return result;
}

/** Two windows of 3 and 2 steps after `state`, which stays as it is. */
async function twoWindows(engine: LoadedEngine, state: ShardState): Promise<[SummedWindow, SummedWindow]> {
  const first = await engine.window({ state: cloneShard(state), steps: 3 });
  return [{ ...first, state: cloneShard(first.state) }, await engine.window({ state: first.state, steps: 2 })];
}

/** The float32 next to a positive one, above or below. */
function neighbour(value: number, direction: 1 | -1): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer);
  return new Float32Array(Uint32Array.of(bits[0]! + direction).buffer)[0]!;
}

/** A bad problem harms only itself. */
function testBadProblems(under: EngineUnderTest): void {
  for (const [count, coordinates] of [
    [3, 5],
    [4, 3],
    [5, 13],
  ] as const) {
    it(`window() keeps a bad problem to itself, however and whenever it went bad: ${count} problems of ${coordinates}`, async () => {
      const { engine, watched, state } = await beginTargets(under, { count, coordinates });
      await engine.window({ state, steps: 2 });
      const [healthy, healthyNext] = await twoWindows(engine, state);
      const losses = [3, 4, 5].map((t) => watched.losses.get(t)!);
      for (let bad = 0; bad < count; bad++) {
        const [expected, expectedNext] = await twoWindows(engine, withBad(under, state, bad));
        assert.ok(relativeError(expected.metaGradient, healthy.metaGradient) > 1e-2, 'the problem must matter');
        const others = losses.map((row) => row.filter((_, p) => p !== bad).reduce((sum, loss) => sum + loss, 0));
        for (const [how, spoil] of Object.entries(SPOILS)) {
          for (const step of [3, 4, 5]) {
            watched.spoilings = [{ problem: bad, step, spoil, lasts: how === 'NaN from everything' }];
            const name = `problem ${bad} with ${how} at step ${step}`;
            const [result, next] = await twoWindows(engine, state);
            assertOnlyOneBad(under, result.state, healthy.state, bad, name);
            assert.deepEqual(result.metaGradient, expected.metaGradient, name);
            assert.equal(result.healthy, count - 1, name);
            const loss = others.reduce((sum, value) => sum + value);
            assert.ok(Math.abs(result.loss - loss) < 1e-12 * loss, name);
            assert.ok(Math.abs(result.finalLoss - others[2]!) < 1e-12 * others[2]!, name);
            assertOnlyOneBad(under, next.state, healthyNext.state, bad, name);
            assert.deepEqual(next.metaGradient, expectedNext.metaGradient, name);
            assert.equal(next.healthy, count - 1, name);
          }
        }
        watched.spoilings = [];
      }
      engine.close();
    });
  }

  it('window() gives the dφ of the other problems by themselves', async () => {
    for (const bad of [0, 2, 3]) {
      const { engine, watched, state } = await beginTargets(under);
      watched.spoilings = [{ problem: bad, step: 2, spoil: SPOILS['a NaN loss']! }];
      const result = await engine.window({ state, steps: 3 });
      const without = await beginTargets(under, { count: 3, rows: [0, 1, 2, 3].filter((row) => row !== bad) });
      const expected = await without.engine.window({ state: without.state, steps: 3 });
      assert.ok(relativeError(result.metaGradient, expected.metaGradient) < 1e-5);
      assert.equal(result.healthy, expected.healthy);
      assert.ok(Math.abs(result.loss - expected.loss) < 1e-12 * expected.loss);
      engine.close();
      without.engine.close();
    }
  });

  it('begin() keeps a problem that is bad at θ_0 to itself', async () => {
    const { engine, watched, state: healthyStart } = await beginTargets(under);
    const [healthy] = await twoWindows(engine, healthyStart);
    for (const how of ['a NaN loss', 'an infinite loss', 'a NaN in its gradient', 'an infinite gradient']) {
      watched.spoilings = [{ problem: 1, step: 0, spoil: SPOILS[how]! }];
      const state = await engine.begin(KEY, 4, 'train');
      assertOnlyOneBad(under, state, healthyStart, 1, how);
      watched.spoilings = [];
      const [expected] = await twoWindows(engine, withBad(under, healthyStart, 1));
      const [result] = await twoWindows(engine, state);
      assertOnlyOneBad(under, result.state, healthy.state, 1, how);
      assert.deepEqual(result.metaGradient, expected.metaGradient, how);
      assert.equal(result.healthy, 3, how);
    }
    engine.close();
  });

  it('window() gives zeros where every problem is bad', async () => {
    const { engine, watched, state } = await beginTargets(under);
    const ways = Object.values(SPOILS);
    watched.spoilings = [0, 1, 2, 3].map(
      (problem): Spoiling => ({ problem, step: 1 + (problem % 3), spoil: ways[problem]! }),
    );
    for (const result of await twoWindows(engine, state)) {
      assert.deepEqual([result.healthy, result.loss, result.finalLoss], [0, 0, 0]);
      assert.ok(result.metaGradient.every((value) => value === 0));
      for (const values of [0, 1, 2, 3].flatMap((problem) => problemOf(under, result.state, problem))) {
        assert.ok(values.every((value) => value === 0));
      }
    }
    engine.close();
  });

  it('window() calls a problem bad only above 10^6·max(1, f(θ_0))', async () => {
    for (const above of [false, true]) {
      const { engine, watched, state } = await beginTargets(under);
      const spoil = (_row: Float32Array, _loss: number, initial: number) => {
        const limit = 1e6 * Math.max(1, initial);
        if (!under.single) return above ? limit * (1 + 2 ** -50) : limit;
        const nearest = Math.fround(limit);
        if (above) return nearest > limit ? nearest : neighbour(nearest, 1);
        return nearest <= limit ? nearest : neighbour(nearest, -1);
      };
      watched.spoilings = [{ problem: 2, step: 1, spoil }];
      const { healthy } = await engine.window({ state, steps: 2 });
      assert.equal(healthy, above ? 3 : 4);
      engine.close();
    }
  });

  it('window() adds no additional dL/dg for a problem that goes bad', async () => {
    const { engine, watched, state } = await beginTargets(under);
    const updateGradient = someRows(3, state.theta.length);
    const without = updateGradient.map((value, i) => (Math.floor((i % 20) / 5) === 1 ? 0 : value));
    watched.spoilings = [{ problem: 1, step: 3, spoil: SPOILS['a NaN loss']! }];
    const result = await engine.window({ state: cloneShard(state), steps: 3, updateGradient });
    const expected = await engine.window({ state, steps: 3, updateGradient: without });
    assert.deepEqual(result.metaGradient, expected.metaGradient);
    engine.close();
  });
}
