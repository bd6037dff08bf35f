import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LstmConfig } from '../../shared/architectures/lstm.js';
import { LoptError } from '../../shared/errors.js';
import { stateSizes } from '../../shared/phi.js';
import { fillNormal, seedKey } from '../../shared/random.js';
import { blocksOf } from '../../worker/architectures/lstm/blocks/layout.js';
import { createWasmKernel } from '../../worker/architectures/lstm/wasm/wasm-kernel.js';
import { cloneShard } from '../../worker/engines/clone-shard.js';
import type { Engine } from '../../worker/engines/engine.js';
import { createWasmEngine, type KernelEngineOptions } from '../../worker/engines/host/kernel-engine.js';
import { MixEngine } from '../../worker/engines/mix-engine.js';
import { createReferenceEngine } from '../../worker/engines/tensor/reference-engine.js';
import { gradientOf, hessianOf } from '../../worker/problems/derivatives/derivatives.js';
import type { HessianProduct, Problems } from '../../worker/problems/problem.js';
import { familyNamed, optionValues } from '../../worker/problems/registry.js';
import {
  type EngineUnderTest,
  networkOf,
  recordedProblems,
  relativeError,
  somePhi,
  testEngine,
} from '../contracts/engine.js';
import { testTrueGradient } from '../contracts/second-derivatives.js';
import { LoadedEngine, type SummedWindow } from '../fixtures/loaded-engine.js';
import { SPOILS, targetProblems, watch } from '../fixtures/target-problems.js';
import { loadWindowFixtures } from '../fixtures/window.js';

/** Visits every entry of the blocked layout with its part and its index there. */
function eachEntry(
  architecture: LstmConfig,
  coordinates: number,
  visit: (at: number, part: number, index: number) => void,
): void {
  const sizes = stateSizes(architecture);
  const stateRows = sizes.reduce((sum, size) => sum + size);
  for (const { first, width } of blocksOf(coordinates)) {
    let row = stateRows * first;
    sizes.forEach((size, part) => {
      for (let entry = 0; entry < size; entry++, row += width) {
        for (let lane = 0; lane < width && first + lane < coordinates; lane++) {
          visit(row + lane, part, (first + lane) * size + entry);
        }
      }
    });
  }
}

function wasm(name: string, options: Partial<KernelEngineOptions>): EngineUnderTest {
  return {
    name,
    create: (problems, gradient, architecture) => createWasmEngine({ problems, gradient, architecture, ...options }),
    encode(parts, architecture, coordinates) {
      const stateRows = stateSizes(architecture).reduce((sum, size) => sum + size);
      const hidden = new Float32Array(stateRows * Math.ceil(coordinates / 8) * 8);
      eachEntry(architecture, coordinates, (at, part, index) => {
        hidden[at] = parts[part]![index]!;
      });
      return hidden;
    },
    decode(hidden, architecture, coordinates) {
      const parts = stateSizes(architecture).map((size) => new Float32Array(coordinates * size));
      eachEntry(architecture, coordinates, (at, part, index) => {
        parts[part]![index] = hidden[at]!;
      });
      return parts;
    },
  };
}

testEngine(wasm('wasm', {}));
testEngine(wasm('wasm strict', { strict: true }));

/** An engine that keeps second derivatives. */
async function secondOrder(problems: Problems, architecture: LstmConfig, options: Partial<KernelEngineOptions> = {}) {
  const [gradient, hessian] = [await gradientOf(problems), await hessianOf(problems)];
  return createWasmEngine({ problems, architecture, gradient, hessian, ...options });
}

async function family(name: string, options: Record<string, unknown> = {}): Promise<Problems> {
  return familyNamed(name).configure(optionValues(familyNamed(name), options));
}

describe('second derivatives on the wasm engine', () => {
  for (const strict of [false, true]) {
    describe(strict ? 'strict' : 'relaxed', () => {
      testTrueGradient(async ({ problems, architecture, secondDerivatives }) =>
        secondDerivatives
          ? secondOrder(problems, architecture, { strict })
          : createWasmEngine({ problems, architecture, strict, gradient: await gradientOf(problems) }),
      );
    });
  }

  const architecture: LstmConfig = {
    type: 'lstm',
    layers: [5, 3],
    preprocessing: 'log-and-sign',
    outputScale: 0.1,
    logAndSignP: 10,
  };

  it('window() gives the same bits where a segment of steps is computed again', async () => {
    const problems = await family('quadratic', { dimension: 9, 'initial-scale': 1 });
    const results: SummedWindow[] = [];
    for (const activationBudget of [2 ** 25, 0]) {
      const made = await secondOrder(problems, architecture, { activationBudget });
      const engine = new LoadedEngine(made, somePhi(architecture));
      // two blocks, and windows that end within a segment
      const state = await engine.begin(seedKey(1), 11, 'train');
      await engine.window({ state, steps: 7 });
      results.push(await engine.window({ state, steps: 12 }));
    }
    const [kept, replayed] = results as [SummedWindow, SummedWindow];
    assert.deepEqual(replayed.metaGradient, kept.metaGradient);
    assert.deepEqual(replayed.state.hidden, kept.state.hidden);
    assert.ok(kept.metaGradient.some((slope) => slope !== 0));
  });

  for (const [name, spoil] of Object.entries(SPOILS)) {
    for (const activationBudget of [2 ** 25, 0]) {
      const title = `a problem with ${name} adds nothing, its Hessian neither, ${activationBudget > 0 ? 'kept' : 'replayed'}`;
      it(title, async () => {
        // two blocks, of which the spoilt problem has lanes in both
        const d = 22;
        const problems = await family('quadratic', { dimension: d, 'initial-scale': 1 });
        const hessianOfAll = await hessianOf(problems);
        const results: SummedWindow[] = [];
        for (const spoilt of [true, false]) {
          const watched = watch(await gradientOf(problems), d);
          const hessian: HessianProduct = (theta, vector, batch, step, product) => {
            hessianOfAll(theta, vector, batch, step, product);
            if (spoilt) product.fill(Number.NaN, 2 * d, 3 * d);
          };
          const options = { gradient: watched.gradient, hessian, activationBudget };
          const engine = new LoadedEngine(await secondOrder(problems, architecture, options), somePhi(architecture));
          const state = await engine.begin(seedKey(2), 4, 'train');
          // spoilt in this window, or from its start on
          watched.spoilings = [{ problem: 2, step: spoilt ? 4 : 1, spoil, lasts: true }];
          results.push(await engine.window({ state, steps: 8 }));
        }
        const [late, early] = results as [SummedWindow, SummedWindow];
        assert.equal(late.healthy, 3);
        assert.deepEqual(late.metaGradient, early.metaGradient);
        assert.deepEqual(late.state.theta, early.state.theta);
        assert.deepEqual(late.state.hidden, early.state.hidden);
        assert.ok(late.metaGradient.every(Number.isFinite) && late.metaGradient.some((slope) => slope !== 0));
      });
    }
  }

  it('slopes of LogAndSign are limited as the reference engine limits them', async () => {
    const problems = await family('quadratic', { dimension: 5, 'initial-scale': 1 });
    const metaGradientOf = async (made: Engine, limit: number) => {
      const engine = new LoadedEngine(made, somePhi(architecture));
      const state = await engine.begin(seedKey(4), 4, 'train');
      return (await engine.window({ state, steps: 9, slopeLimit: limit })).metaGradient;
    };
    // ln |∇|/10 is steeper than this where |∇| is below 5
    const slopeLimit = 0.02;
    const limited = await metaGradientOf(await secondOrder(problems, architecture), slopeLimit);
    const options = { problems, architecture, secondDerivatives: true };
    const expected = await metaGradientOf(await createReferenceEngine(options), slopeLimit);
    assert.ok(relativeError(limited, expected) < 1e-5, `${relativeError(limited, expected)}`);
    const unlimited = await metaGradientOf(await secondOrder(problems, architecture), 0);
    assert.ok(relativeError(limited, unlimited) > 1e-3);
  });

  it('a family that states only its loss is differentiated twice by TensorFlow.js', async () => {
    const closed = await family('mlp', { hidden: [3], batch: 4, 'initial-scale': 0.3 });
    const { createGradient: _gradient, createHessian: _hessian, ...problems } = closed;
    const [engine, reference] = [
      await secondOrder(problems, architecture),
      await createReferenceEngine({ problems, architecture, secondDerivatives: true }),
    ];
    const [own, expected] = await Promise.all(
      [engine, reference].map(async (made) => {
        const each = new LoadedEngine(made, somePhi(architecture));
        const state = await each.begin(seedKey(3), 1, 'train');
        return (await each.window({ state, steps: 4 })).metaGradient;
      }),
    );
    assert.ok(relativeError(own!, expected!) < 1e-4);
  });
});
testEngine(wasm('wasm replaying', { activationBudget: 0 }));

const { encode, decode, create } = wasm('wasm', {});
testEngine({
  name: 'mix of wasm',
  async create(problems, gradient, architecture) {
    // the other family is never drawn from
    const other = targetProblems(2);
    const makers = [
      () => create(other.problems, other.gradient, architecture),
      () => create(problems, gradient, architecture),
    ];
    return MixEngine.open({ create: (index) => makers[index]!(), pick: () => 1, probes: [0, 1], most: 2 });
  },
  encode,
  decode,
});

/** What a wasm engine makes of three windows of quadratics with one problem that goes bad, and the records it may keep. */
async function threeWindows(options: Partial<KernelEngineOptions>): Promise<SummedWindow[]> {
  const { problems, gradient } = targetProblems(13);
  const watched = watch(gradient, 13);
  watched.spoilings = [{ problem: 3, step: 4, spoil: SPOILS['a NaN in its gradient']! }];
  const architecture: LstmConfig = {
    type: 'lstm',
    layers: [20, 20],
    preprocessing: 'log-and-sign',
    outputScale: 0.1,
    logAndSignP: 10,
  };
  const made = await createWasmEngine({ problems, gradient: watched.gradient, architecture, ...options });
  const engine = new LoadedEngine(made, somePhi(architecture));
  const state = await engine.begin(seedKey(5), 11, 'train');
  const updateGradient = new Float32Array(3 * state.theta.length);
  fillNormal(seedKey(6), updateGradient);
  const results: SummedWindow[] = [];
  for (const window of [1, 2, 3]) {
    const request = { state, steps: 3, lossWeights: Float32Array.of(1, 0.5, 2) };
    const result = await engine.window(window === 1 ? { ...request, updateGradient } : request);
    results.push({ ...result, state: cloneShard(result.state) });
  }
  engine.close();
  return results;
}

describe('KernelMemory', () => {
  it('allocate() throws LoptError for more than WebAssembly can address', () => {
    const { memory } = createWasmKernel(
      { type: 'lstm', layers: [2], preprocessing: 'none', outputScale: 0.1, logAndSignP: 10 },
      true,
    );
    assert.throws(
      () => memory.allocate(2 ** 32),
      (error) => error instanceof LoptError && /must be less than 4 GiB, got 4097 MiB$/.test(error.message),
    );
  });
});

describe('createWasmEngine()', () => {
  for (const strict of [false, true]) {
    it(`window() gives the same bits whether activations are kept or replayed: ${strict ? 'strict' : 'relaxed'}`, async () => {
      const kept = await threeWindows({ strict, activationBudget: 2 ** 30 });
      assert.deepEqual(
        kept.map(({ healthy }) => healthy),
        [11, 10, 10],
      );
      assert.deepEqual(await threeWindows({ strict, activationBudget: 0 }), kept);
    });
  }

  it('window() leaves dφ at zero where it only goes forward', async () => {
    const { problems, gradient } = targetProblems(3);
    const architecture: LstmConfig = {
      type: 'lstm',
      layers: [4],
      preprocessing: 'none',
      outputScale: 0.1,
      logAndSignP: 10,
    };
    const engine = new LoadedEngine(
      await createWasmEngine({ problems, gradient, architecture }),
      somePhi(architecture),
    );
    const state = await engine.begin(seedKey(5), 2, 'train');
    // not because the engine's memory is fresh
    assert.ok((await engine.window({ state, steps: 2 })).metaGradient.some((value) => value !== 0));
    const { metaGradient } = await engine.window({ state, steps: 2, forwardOnly: true });
    assert.ok(metaGradient.every((value) => value === 0));
    engine.close();
  });

  it('window() agrees between strict and relaxed arithmetic within 1e-5 on the same gradients', async () => {
    for (const fixture of loadWindowFixtures()) {
      const { problems, gradient } = recordedProblems(fixture.coordinates, fixture.gradients);
      const results: SummedWindow[] = [];
      for (const strict of [false, true]) {
        const made = await createWasmEngine({ problems, gradient, architecture: networkOf(fixture), strict });
        const engine = new LoadedEngine(made, fixture.phi);
        const state = await engine.begin([1, 2], 1, 'train');
        results.push(await engine.window({ state, steps: fixture.steps }));
        engine.close();
      }
      const [relaxed, exact] = results as [SummedWindow, SummedWindow];
      assert.ok(relativeError(relaxed.metaGradient, exact.metaGradient) < 1e-5, fixture.name);
      assert.ok(relativeError(relaxed.state.theta, exact.state.theta) < 1e-5, fixture.name);
      assert.ok(relativeError(relaxed.state.hidden, exact.state.hidden) < 1e-5, fixture.name);
    }
  });
});
