import assert from 'node:assert/strict';
import { after, describe, it, type TestContext } from 'node:test';
import type { LstmConfig } from '../../shared/architectures/lstm.js';
import { LoptError } from '../../shared/errors.js';
import { phiLength } from '../../shared/phi.js';
import { readPhi } from '../../shared/phi-file.js';
import { fillNormal, seedKey } from '../../shared/random.js';
import { type LstmVariant, planLstm, SOFTWARE_VARIANT } from '../../worker/architectures/lstm/webgpu/plan.js';
import { WebGpuLstm } from '../../worker/architectures/lstm/webgpu/webgpu-lstm.js';
import { readFloats } from '../../worker/devices/webgpu/device-buffers.js';
import { relativeError } from '../contracts/engine.js';
import { type FrozenWindow, frozenMetaGradient, unrollFrozen } from '../fixtures/frozen-loss.js';
import { deployPath } from '../fixtures/shipped.js';
import { releaseGpu, webGpuDevice } from '../fixtures/webgpu.js';
import {
  fixtureNetwork,
  type RunOptions,
  repeatFixture,
  runFixture,
  tensorBuffer,
  type WindowOutcome,
} from '../fixtures/webgpu-window.js';
import { loadWindowFixtures, type WindowFixture } from '../fixtures/window.js';

const FIXTURES = loadWindowFixtures();

after(releaseGpu);

function fixtureNamed(name: string): WindowFixture {
  const fixture = FIXTURES.find((candidate) => candidate.name === name);
  assert.ok(fixture, name);
  return fixture;
}

/** A device and the LSTM of a fixture's network, both closed after the test. */
interface Opened {
  device: GPUDevice;
  lstm: WebGpuLstm;
}

/** Runs the test's body with another LSTM than others have, where there is a device. */
async function withLstm(
  test: TestContext,
  fixture: WindowFixture,
  options: { variant: LstmVariant; stateBudget?: number; largestBuffer?: number },
  body: (opened: Opened) => Promise<void>,
): Promise<void> {
  const device = await webGpuDevice(test);
  if (!device) return;
  const lstm = new WebGpuLstm({ device, network: fixtureNetwork(fixture), ...options });
  try {
    await body({ device, lstm });
  } finally {
    lstm.close();
    assert.equal(lstm.bufferCount, 0);
    device.destroy();
  }
}

/** One window in buffers of its own. */
async function outcomeOf(
  { device, lstm }: Opened,
  fixture: WindowFixture,
  options?: RunOptions,
): Promise<WindowOutcome> {
  const window = lstm.createWindow(fixture.coordinates, fixture.steps);
  const outcome = await runFixture(device, lstm, window, fixture, options);
  window.close();
  return outcome;
}

function assertAgrees({ updates, finalState, metaGradient }: WindowOutcome, { name, expected }: WindowFixture): void {
  assert.ok(relativeError(updates, expected.updates) < 1e-5, `${name}: updates`);
  finalState.forEach((part, index) => {
    assert.ok(relativeError(part, expected.finalState[index]!) < 1e-5, `${name}: part ${index} of h`);
  });
  const error = relativeError(metaGradient, expected.metaGradient);
  assert.ok(error < 1e-5, `${name}: dφ ${error}`);
}

/** The fixture's state in float64, as the definition has it. */
function exactState({ initialState }: WindowFixture): Float64Array[] {
  return initialState.map((part) => Float64Array.from(part));
}

function rowsOf({ gradients, coordinates, steps }: WindowFixture): Float32Array[] {
  return Array.from({ length: steps + 1 }, (_, s) => gradients.subarray(s * coordinates, (s + 1) * coordinates));
}

describe('WebGpuLstm', () => {
  const networks = new Set(FIXTURES.map(({ layers, inputs }) => `[${layers.join(', ')}] ${inputs}`));
  for (const name of networks) {
    it(`agrees with automatic differentiation in float64, also over several tiles: ${name}`, async (test) => {
      const own = FIXTURES.filter((fixture) => fixture.name.startsWith(`${name} `));
      assert.equal(own.length, 2);
      await withLstm(test, own[0]!, { variant: SOFTWARE_VARIANT }, async (opened) => {
        for (const fixture of own) {
          assertAgrees(await outcomeOf(opened, fixture), fixture);
          const repeated = repeatFixture(fixture, 13);
          const outcome = await outcomeOf(opened, repeated);
          assertAgrees(outcome, repeated);
          assert.deepEqual(await outcomeOf(opened, repeated), outcome, 'the same bits again');
        }
      });
    });
  }

  for (const [name, variant] of Object.entries<LstmVariant>({
    'as on a GPU': {},
    'with two units a thread and W transposed': { parts: 4, slopes: 'columns' },
    'with everything else the other way': {
      tile: 16,
      parts: 3,
      forwardUnits: 1,
      backwardUnits: 1,
      slopes: 'columns',
      productSide: 3,
      accumulators: 0,
      groups: 3,
    },
  })) {
    it(`agrees with automatic differentiation in float64 ${name}`, async (test) => {
      const fixture = fixtureNamed('[8] log-and-sign trained-like');
      await withLstm(test, fixture, { variant }, async (opened) => {
        for (const copies of [1, 13]) {
          const repeated = repeatFixture(fixture, copies);
          assertAgrees(await outcomeOf(opened, repeated), repeated);
        }
      });
    });
  }

  it('gives the bits of one buffer and kept states in several, and replayed in slices', async (test) => {
    const fixture = repeatFixture(fixtureNamed('[8] raw trained-like'), 20);
    const variant: LstmVariant = { ...SOFTWARE_VARIANT, tile: 16, groups: 5 };
    const tileBytes = 4 * 16 * 16;
    const outcomes: WindowOutcome[] = [];
    for (const options of [
      {},
      { stateBudget: 0 },
      // 15 tiles in 5 groups of 3: slabs of 6 tiles, or 2 slabs in slices of 3
      { largestBuffer: 6 * tileBytes * (fixture.steps + 1) },
      { largestBuffer: 3 * tileBytes * (fixture.steps + 1), stateBudget: 0 },
    ]) {
      await withLstm(test, fixture, { variant, ...options }, async (opened) => {
        assert.equal(opened.lstm.createWindow(fixture.coordinates, fixture.steps).keep, !('stateBudget' in options));
        outcomes.push(await outcomeOf(opened, fixture));
      });
    }
    for (const outcome of outcomes.slice(1)) assert.deepEqual(outcome, outcomes[0]);
    if (outcomes[0]) assertAgrees(outcomes[0], fixture);
  });

  it('weighs losses, adds an additional dL/dg and θ, and takes shorter windows: differences in float64', async (test) => {
    const fixture = fixtureNamed('[8] log-and-sign untrained');
    const { coordinates } = fixture;
    const steps = fixture.steps - 1;
    await withLstm(test, fixture, { variant: SOFTWARE_VARIANT }, async ({ device, lstm }) => {
      const lossWeights = Float32Array.from({ length: fixture.steps }, (_, s) => 0.5 + s);
      const updateGradient = new Float32Array(steps * coordinates);
      fillNormal(seedKey(3), updateGradient, 0, 3);
      const window = lstm.createWindow(coordinates, fixture.steps);
      window.setLossWeights(lossWeights);
      const gradient = tensorBuffer(device, rowsOf(fixture)[0]!);
      const theta = tensorBuffer(device, updateGradient.subarray(0, coordinates));
      const moved = tensorBuffer(device, new Float32Array(coordinates));
      const { metaGradient } = await runFixture(device, lstm, window, fixture, {
        backward: (encoder) => {
          for (let s = 0; s < steps; s++) {
            const row = updateGradient.slice(s * coordinates, (s + 1) * coordinates);
            window.setExtra(encoder, s, tensorBuffer(device, row));
          }
          window.setGradient(encoder, 0, gradient);
          window.forward(encoder, 0, moved, theta);
          window.backward(encoder, { extra: true, steps });
        },
      });
      const frozen = {
        architecture: lstm.plan.network,
        initialState: exactState(fixture),
        gradients: rowsOf(fixture).slice(0, steps + 1),
        lossWeights: lossWeights.slice(0, steps),
        updateGradient,
      };
      const phi = Float64Array.from(fixture.phi);
      assert.ok(relativeError(metaGradient, frozenMetaGradient(frozen, phi)) < 1e-5, 'dφ');
      const update = unrollFrozen(frozen, phi).updates[0]!;
      const expected = update.map((g, n) => g + updateGradient[n]!);
      assert.ok(relativeError(await readFloats(device, moved, coordinates), expected) < 1e-6, 'θ');
    });
  });

  it('flags the problems that have a number in ∇_1…∇_K that is not finite, in one buffer and in several', async (test) => {
    const fixture = repeatFixture(fixtureNamed('[8] raw trained-like'), 20);
    const { coordinates, steps } = fixture;
    const [width, at] = [2, 3];
    const count = coordinates / width;
    const rows = rowsOf(fixture).map((row) => Float32Array.from(row));
    const bad = [
      [1, 0, Number.NaN],
      [steps, coordinates - 1, Number.POSITIVE_INFINITY],
      [2, 61, Number.NEGATIVE_INFINITY],
      [steps, 100, Number.NaN],
    ] as const;
    for (const [row, n, value] of bad) rows[row]![n] = value;
    rows[0]![7] = Number.NaN; // of the step before
    rows[1]![20] = 3.4e38;
    const expected = new Float32Array(at + count);
    for (const [, n] of bad) expected[at + Math.floor(n / width)] = 1;
    const variant: LstmVariant = { ...SOFTWARE_VARIANT, tile: 16, groups: 5 };
    for (const options of [{}, { largestBuffer: 6 * 4 * 16 * 16 * (steps + 1) }]) {
      await withLstm(test, fixture, { variant, ...options }, async ({ device, lstm }) => {
        const window = lstm.createWindow(coordinates, steps);
        const buffers = rows.map((row) => tensorBuffer(device, row));
        const flags = tensorBuffer(device, new Float32Array(at + count));
        const encoder = device.createCommandEncoder();
        buffers.forEach((buffer, s) => {
          window.setGradient(encoder, s, buffer);
        });
        window.flagProblems(encoder, steps, width, flags, at);
        device.queue.submit([encoder.finish()]);
        assert.deepEqual(await readFloats(device, flags, at + count), expected);
        for (const buffer of [...buffers, flags]) buffer.destroy();
      });
    }
  });

  it('leaves the bits of the others where coordinates are made zero, whatever was in them', async (test) => {
    const fixture = repeatFixture(fixtureNamed('[8] log-and-sign trained-like'), 11);
    const { coordinates, steps } = fixture;
    const mask = Float32Array.from({ length: coordinates }, (_, n) => (n % 7 === 3 ? 0 : 1));
    const cut = (values: Float32Array, how: (value: number) => number): Float32Array =>
      values.map((value, i) => (mask[i % coordinates] === 0 ? how(value) : value));
    await withLstm(test, fixture, { variant: SOFTWARE_VARIANT }, async (opened) => {
      const options: RunOptions = {
        afterForward: (encoder, window) => window.zeroCoordinates(encoder, tensorBuffer(opened.device, mask)),
        backward: (encoder, window) => window.backward(encoder, { replay: true }),
      };
      const outcomes: WindowOutcome[] = [];
      for (const how of [(value: number) => value, () => Number.NaN, () => Number.POSITIVE_INFINITY, () => 1e30]) {
        outcomes.push(await outcomeOf(opened, { ...fixture, gradients: cut(fixture.gradients, how) }, options));
      }
      for (const { finalState, metaGradient } of outcomes) {
        assert.deepEqual([finalState, metaGradient], [outcomes[0]!.finalState, outcomes[0]!.metaGradient]);
        assert.ok(finalState[1]!.every((c, i) => mask[Math.floor(i / 8)] === 1 || c === 0));
      }
      const good = { ...fixture, gradients: cut(fixture.gradients, () => 0) };
      const { finalState, metaGradient } = await outcomeOf(opened, good);
      assert.deepEqual(outcomes[0]!.metaGradient, metaGradient);
      finalState[0]!.forEach((h, i) => {
        if (mask[Math.floor(i / 8)] === 1) assert.equal(outcomes[0]!.finalState[0]![i], h);
      });
      assert.ok(
        relativeError(metaGradient, fixture.expected.metaGradient) > 1e-2,
        `the coordinates must matter in ${steps}`,
      );
    });
  });

  it("agrees with the definition in float64 under the φ's that come with lopt", async (test) => {
    const recorded = fixtureNamed('[20, 20] log-and-sign untrained');
    const shipped = ['mlp', 'quadratic', 'quadratic-uniform'].map((name) => {
      const { architecture, phi } = readPhi(deployPath(`pretrained/${name}.safetensors`));
      assert.ok(architecture.type === 'lstm');
      return { name, architecture, phi };
    });
    // a compilation for each scale, which is part of the network
    for (const outputScale of new Set(shipped.map(({ architecture }) => architecture.outputScale))) {
      const fixture = { ...recorded, outputScale };
      await withLstm(test, fixture, { variant: SOFTWARE_VARIANT }, async (opened) => {
        for (const { name, architecture, phi } of shipped.filter(
          (file) => file.architecture.outputScale === outputScale,
        )) {
          assert.deepEqual(architecture, opened.lstm.plan.network);
          await assertExact(opened, { ...fixture, name, phi });
        }
      });
    }
  });

  for (const inputs of ['log-and-sign', 'raw'] as const) {
    it(`agrees with the definition in float64 with three layers of 20 units: ${inputs}`, async (test) => {
      const recorded = fixtureNamed(`[20, 20] ${inputs} untrained`);
      const network: LstmConfig = { ...fixtureNetwork(recorded), layers: [20, 20, 20] };
      const phi = new Float32Array(phiLength(network));
      fillNormal(seedKey(8), phi, 0, 0.3);
      const initialState = [...recorded.initialState, ...recorded.initialState.slice(0, 2)];
      const fixture: WindowFixture = { ...recorded, name: 'three layers', layers: [20, 20, 20], phi, initialState };
      await withLstm(test, fixture, { variant: SOFTWARE_VARIANT }, (opened) => assertExact(opened, fixture));
    });
  }

  it('destroys the buffers of windows that are closed', async (test) => {
    await withLstm(test, fixtureNamed('[8] raw untrained'), { variant: SOFTWARE_VARIANT }, async ({ lstm }) => {
      const before = lstm.bufferCount;
      const windows = [1, 100].map((coordinates) => lstm.createWindow(coordinates, 3));
      assert.ok(lstm.bufferCount > before);
      for (const window of windows) window.close();
      assert.equal(lstm.bufferCount, before);
      lstm.createWindow(5, 2);
    });
  });
});

/** Holds a window against the definition in float64: the updates, and dφ by its slopes in some directions. */
async function assertExact(opened: Opened, fixture: WindowFixture): Promise<void> {
  const { name, phi, steps } = fixture;
  const { updates, metaGradient } = await outcomeOf(opened, fixture);
  const frozen: FrozenWindow = {
    architecture: opened.lstm.plan.network,
    initialState: exactState(fixture),
    gradients: rowsOf(fixture),
    lossWeights: new Float32Array(steps).fill(1),
  };
  const exact = unrollFrozen(frozen, Float64Array.from(phi)).updates;
  assert.ok(relativeError(updates, Float64Array.from(exact.flatMap((row) => [...row]))) < 1e-5, `${name}: updates`);
  const norm = Math.hypot(...metaGradient);
  const directions = [1, 2, 3, 4].map((seed) => {
    const direction = new Float32Array(phi.length);
    fillNormal(seedKey(seed), direction, 0, 1 / Math.sqrt(phi.length));
    return direction;
  });
  // its own direction is one of them
  for (const direction of [metaGradient.map((value) => value / norm), ...directions]) {
    const slope = directionalSlope(frozen, phi, direction);
    const own = metaGradient.reduce((sum, value, i) => sum + value * direction[i]!, 0);
    assert.ok(Math.abs(own - slope) < 1e-5 * norm, `${name}: ${own} against ${slope}, norm ${norm}`);
  }
}

/** d/dε of Σ_s <g_s(φ + ε·direction), Σ_{t>s} ∇_t> at ε = 0, by central differences in float64. */
function directionalSlope(frozen: FrozenWindow, phi: Float32Array, direction: Float32Array): number {
  const loss = (epsilon: number): number => {
    const moved = Float64Array.from(phi, (value, i) => value + epsilon * direction[i]!);
    let sum = 0;
    unrollFrozen(frozen, moved).updates.forEach((row, s) => {
      for (const later of frozen.gradients.slice(s + 1)) {
        for (let n = 0; n < row.length; n++) sum += row[n]! * later[n]!;
      }
    });
    return sum;
  };
  return (loss(1e-5) - loss(-1e-5)) / 2e-5;
}

describe('planLstm()', () => {
  const limits = {
    maxComputeWorkgroupStorageSize: 32768,
    maxComputeInvocationsPerWorkgroup: 256,
  };

  it('says in one sentence where a layer is too wide for the device', () => {
    const network = { type: 'lstm', layers: [1000], preprocessing: 'none', outputScale: 0.1, logAndSignP: 10 } as const;
    assert.throws(
      () => planLstm(network, limits),
      (error) =>
        error instanceof LoptError && /^Cannot compute the LSTM on this GPU: "layers" [^\n]*$/.test(error.message),
    );
  });

  it('lays out every width up to 64 on the smallest device that WebGPU allows', () => {
    for (let units = 1; units <= 64; units++) {
      const network = {
        type: 'lstm',
        layers: [units, 3, units],
        preprocessing: 'none',
        outputScale: 0.1,
        logAndSignP: 10,
      } as const;
      const plan = planLstm(network, { ...limits, maxComputeWorkgroupStorageSize: 16384 });
      assert.ok(plan.threads <= 256);
      assert.ok(plan.layers.every(({ padded }, layer) => padded >= network.layers[layer]!));
    }
  });
});
