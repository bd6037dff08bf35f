/** What every tensor engine must do beside the contract of engines; run on each backend and kernel. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LstmConfig } from '../../shared/architectures/lstm.js';
import { phiLength } from '../../shared/phi.js';
import { fillNormal, type Key, seedKey } from '../../shared/random.js';
import type { TensorKernel } from '../../worker/architectures/tensor-kernel.js';
import { cloneShard } from '../../worker/engines/clone-shard.js';
import { TensorEngine, type TensorEngineOptions } from '../../worker/engines/tensor/tensor-engine.js';
import { gradientOf } from '../../worker/problems/derivatives/derivatives.js';
import { hessianVectorProduct } from '../../worker/problems/derivatives/hessian.js';
import { differentiate } from '../../worker/problems/derivatives/tensor-gradient.js';
import type { Batch, Problems, Tf } from '../../worker/problems/problem.js';
import { familyNamed, optionValues } from '../../worker/problems/registry.js';
import { LoadedEngine, type SummedWindow } from '../fixtures/loaded-engine.js';
import { COLUMNS, hostGradient } from '../fixtures/tensor-engines.js';
import { type EngineUnderTest, relativeError, testEngine } from './engine.js';
import { testTrueGradient } from './second-derivatives.js';

const KEY: Key = seedKey(1606);
const NETWORK: LstmConfig = {
  type: 'lstm',
  layers: [4, 3],
  preprocessing: 'log-and-sign',
  outputScale: 0.1,
  logAndSignP: 10,
};

/** A backend, and a kernel for it. */
export interface TensorEngineUnderTest extends Partial<Pick<EngineUnderTest, 'encode' | 'decode'>> {
  name: string;
  /** Why it cannot be tested here. */
  skip?: string | undefined;
  /** TensorFlow.js with its backend set. */
  load(): Promise<Tf>;
  /** @default plain operations */
  kernel?(tf: Tf, architecture: LstmConfig): TensorKernel;
  /** Its own gradient of stationary problems. @default that of the operations */
  stationaryGradient?(tf: Tf, problems: Problems): Pick<TensorEngineOptions, 'gradient' | 'resources'>;
  /** Families whose gradient the backend has no operations for. @default none */
  lacks?: readonly string[];
  /** Numbers on the device beside tensors that must not grow, as buffers. */
  held?(tf: Tf): number;
}

const FAMILIES: readonly (readonly [string, Record<string, unknown>])[] = [
  ['simple', {}],
  ['quadratic', { 'initial-scale': 1 }],
  ['lasso', { 'initial-scale': 1 }],
  ['rastrigin', {}],
  ['rosenbrock', { dimension: 3, 'initial-scale': 1 }],
  ['logistic', {}],
  ['mlp', { hidden: [6], batch: 8, activation: 'sigmoid', 'initial-scale': 0.3 }],
  ['mlp', { hidden: [6, 5], batch: 8, activation: 'tanh', 'initial-scale': 0.3 }],
  ['mlp', { hidden: [6], batch: 8, activation: 'relu', 'initial-scale': 0.3 }],
  ['autoencoder', { hidden: [3], batch: 4, activation: 'tanh' }],
  ['autoencoder', { hidden: [3], batch: 4, loss: 'cross-entropy', activation: 'tanh' }],
  ['conv', { filters: [3, 2], batch: 4 }],
  ['language', { hidden: 4, embedding: 2, context: 5, batch: 3, vocabulary: 12 }],
];

function familiesFor({ lacks = [] }: TensorEngineUnderTest): typeof FAMILIES {
  return FAMILIES.filter(([family]) => !lacks.includes(family));
}

function configure(family: string, options: Record<string, unknown> = {}): Promise<Problems> {
  return familyNamed(family).configure(optionValues(familyNamed(family), options));
}

/** φ with weights large enough for updates that matter. */
function somePhi(architecture: LstmConfig): Float32Array {
  const phi = new Float32Array(phiLength(architecture));
  fillNormal(seedKey(4474), phi, 0, 0.8);
  return phi;
}

async function makeEngine(
  under: TensorEngineUnderTest,
  options: Omit<TensorEngineOptions, 'tf' | 'name' | 'kernel'> & { architecture: LstmConfig },
): Promise<{ engine: LoadedEngine; tf: Tf }> {
  const tf = await under.load();
  // second derivatives need the plain operations
  const kernel = options.secondDerivatives ? undefined : under.kernel?.(tf, options.architecture);
  const own = options.problems.stationary ? under.stationaryGradient?.(tf, options.problems) : undefined;
  const engine = new TensorEngine({ ...options, ...own, tf, name: under.name, ...(kernel && { kernel }) });
  return { engine: new LoadedEngine(engine, somePhi(options.architecture)), tf };
}

/** The contract, and that of engines. */
export function testTensorEngine(under: TensorEngineUnderTest): void {
  if (under.skip !== undefined) {
    it(`${under.name}, a tensor engine`, { skip: under.skip }, () => {});
    return;
  }
  describe(`${under.name}, a tensor engine`, () => {
    testEngine({
      ...COLUMNS,
      ...under,
      single: true,
      moments: under.kernel === undefined,
      async create(problems, gradient, architecture) {
        const tf = await under.load();
        const kernel = under.kernel?.(tf, architecture);
        const name = under.name;
        return new TensorEngine({
          tf,
          name,
          problems,
          architecture,
          gradient: hostGradient(tf, gradient),
          ...(kernel && { kernel }),
        });
      },
    });
    testDevice(under);
    testSecondDerivatives(under);
  });
}

/** What a window does on the device. */
function testDevice(under: TensorEngineUnderTest): void {
  for (const [family, options] of familiesFor(under)) {
    it(`the gradient on the device agrees with the family's own within 1e-4: ${family} ${JSON.stringify(options)}`, async () => {
      const problems = await configure(family, options);
      const { theta, data } = problems.draw(KEY, 3, 'train');
      const batch: Batch = { count: 3, data, key: KEY, split: 'train' };
      const expected = { gradient: new Float32Array(theta.length), losses: new Float64Array(3) };
      (await gradientOf(problems))(theta, batch, 2, expected.gradient, expected.losses);
      const tf = await under.load();
      const tensors = tf.memory().numTensors;
      const point = tf.tensor1d(theta.slice());
      const { gradient, losses } = differentiate(tf, problems)(point, batch, 2);
      const width = theta.length / 3;
      const [slopes, values] = [await gradient.data(), await losses.data()];
      for (let p = 0; p < 3; p++) {
        const row = (of: Float32Array) => of.subarray(p * width, (p + 1) * width);
        const error = relativeError(row(slopes as Float32Array), row(expected.gradient));
        assert.ok(error < 1e-4, `problem ${p}: ${error}`);
        assert.ok(Math.abs(values[p]! - expected.losses[p]!) < 1e-4 * Math.max(1, expected.losses[p]!));
      }
      tf.dispose([point, gradient, losses]);
      assert.equal(tf.memory().numTensors, tensors);
    });
  }

  it('window() gives the same bits where the shard stays on the device', async () => {
    for (const [family, options] of familiesFor(under).filter(([name]) => name === 'quadratic' || name === 'conv')) {
      const { engine } = await makeEngine(under, { problems: await configure(family, options), architecture: NETWORK });
      const results: SummedWindow[][] = [];
      for (const resident of [false, true]) {
        let state = await engine.begin(KEY, 2, 'train', resident);
        assert.equal(state.device !== undefined, resident);
        const own: SummedWindow[] = [];
        for (const steps of [3, 2, 2]) {
          // the last one hands the state over
          const result = await engine.window({ state, steps, resident: resident && own.length < 2 });
          const copy = result.state.device ? { ...result.state } : cloneShard(result.state);
          own.push({ ...result, state: copy });
          state = result.state;
        }
        assert.equal(state.device, undefined);
        results.push(own);
      }
      const [handed, stayed] = results as [SummedWindow[], SummedWindow[]];
      assert.deepEqual(
        stayed.map(({ metaGradient, loss, finalLoss, healthy }) => ({ metaGradient, loss, finalLoss, healthy })),
        handed.map(({ metaGradient, loss, finalLoss, healthy }) => ({ metaGradient, loss, finalLoss, healthy })),
        family,
      );
      assert.deepEqual(stayed[2]!.state, handed[2]!.state, family);
      engine.close();
    }
  });

  it('window() keeps a problem that blows up on the device to itself', async () => {
    const architecture: LstmConfig = { ...NETWORK, outputScale: 30 };
    const problems = await configure('quadratic', { dimension: 3, 'initial-scale': 1 });
    const { engine } = await makeEngine(under, { problems, architecture });
    // the second of these steps overflows in the first problem alone
    const start = await engine.begin(KEY, 4, 'train');
    start.theta.fill(3e18, 0, 3);
    start.gradient.fill(1, 0, 3);
    start.initialLosses[0] = 1;
    const state = cloneShard(start);
    const result = await engine.window({ state, steps: 3 });
    const bad = cloneShard(start);
    bad.theta.fill(0, 0, 3);
    bad.gradient.fill(0, 0, 3);
    bad.healthy[0] = 0;
    const expected = await engine.window({ state: bad, steps: 3 });
    assert.equal(result.healthy, 3);
    assert.deepEqual(result.metaGradient, expected.metaGradient);
    assert.deepEqual(result.state, { ...expected.state, initialLosses: result.state.initialLosses });
    assert.ok(result.metaGradient.some((value) => value !== 0));
    engine.close();
  });

  it('leaves no tensor behind in 1000 windows, and none after close()', async () => {
    const problems = await configure('quadratic', { dimension: 2 });
    const before = (await under.load()).memory().numTensors;
    const { engine, tf } = await makeEngine(under, { problems, architecture: NETWORK });
    let state = await engine.begin(KEY, 2, 'train', true);
    const settled = { tensors: 0, held: 0 };
    for (let window = 0; window < 1000; window++) {
      if (window % 5 === 0) {
        state.device?.dispose();
        state = await engine.begin(KEY, 2, 'train', true);
        engine.phi = somePhi(NETWORK);
      }
      if (window % 50 === 7) state.healthy[0] = 0;
      const updateGradient = window % 3 === 0 ? { updateGradient: new Float32Array(8).fill(1) } : {};
      state = (await engine.window({ state, steps: 2, resident: window % 2 === 0, ...updateGradient })).state;
      if (window % 100 === 0) await engine.rollout({ key: KEY, count: 2, split: 'train', horizon: 2 });
      const now = { tensors: tf.memory().numTensors, held: under.held?.(tf) ?? 0 };
      if (window === 100) Object.assign(settled, now);
      if (window > 100 && window % 100 === 0) assert.deepEqual(now, settled);
    }
    state.device?.dispose();
    engine.close();
    assert.equal(tf.memory().numTensors, before);
    engine.close();
  });
}

/** Second derivatives on this backend. */
function testSecondDerivatives(under: TensorEngineUnderTest): void {
  testTrueGradient(async (options) => (await makeEngine(under, options)).engine.engine);
  for (const [family, options] of familiesFor(under)) {
    it(`hessianVectorProduct() agrees with differences of the gradient: ${family} ${JSON.stringify(options)}`, async () => {
      const problems = await configure(family, options);
      const { theta, data } = problems.draw(KEY, 2, 'train');
      const batch: Batch = { count: 2, data, key: KEY, split: 'train' };
      const vector = new Float32Array(theta.length);
      fillNormal(seedKey(5), vector);
      const gradient = await gradientOf(problems);
      // below the distance of relu's kinks
      const epsilon = 2 ** -15;
      const [above, below] = [epsilon, -epsilon].map((e) => {
        const slopes = new Float32Array(theta.length);
        const point = theta.map((x, i) => x + e * vector[i]!);
        gradient(point, batch, 3, slopes, new Float64Array(2));
        return slopes;
      }) as [Float32Array, Float32Array];
      const expected = Float64Array.from(above, (slope, i) => (slope - below[i]!) / (2 * epsilon));
      const tf = await under.load();
      const tensors = tf.memory().numTensors;
      const product = tf.tidy(() =>
        hessianVectorProduct(tf, problems, tf.tensor1d(theta.slice()), tf.tensor1d(vector.slice()), batch, 3),
      );
      const error = relativeError(await product.data(), expected);
      product.dispose();
      assert.ok(error < 5e-3, `${error}`);
      assert.equal(tf.memory().numTensors, tensors);
    });
  }
}
