import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type LstmConfig, PREPROCESSINGS } from '../../shared/architectures/lstm.js';
import { fillNormal, seedKey } from '../../shared/random.js';
import { lstmStep, zeroLstmState } from '../../worker/architectures/lstm/definition.js';
import { networkOf, relativeError } from '../contracts/engine.js';
import { loadWindowFixtures, type WindowFixture } from '../fixtures/window.js';

/** g_0…g_{K−1} [K × N] and h_K of a fixture under any φ. */
function unroll(fixture: WindowFixture, architecture: LstmConfig, phi: Float64Array) {
  const { coordinates, steps } = fixture;
  const gradients = Float64Array.from(fixture.gradients);
  const updates = new Float64Array(steps * coordinates);
  let state: Float64Array[] = fixture.initialState.map((part) => Float64Array.from(part));
  for (let s = 0; s < steps; s++) {
    const step = lstmStep(architecture, phi, gradients.subarray(s * coordinates, (s + 1) * coordinates), state);
    updates.set(step.updates, s * coordinates);
    state = step.state;
  }
  return { updates, state };
}

/** Σ_s <g_s(φ), Σ_{t>s} ∇_t>, the gradients held fixed. */
function frozenLoss(fixture: WindowFixture, architecture: LstmConfig, phi: Float64Array): number {
  const { coordinates, steps, gradients } = fixture;
  const { updates } = unroll(fixture, architecture, phi);
  const signal = new Float64Array(coordinates);
  let loss = 0;
  for (let s = steps - 1; s >= 0; s--) {
    for (let n = 0; n < coordinates; n++) {
      signal[n]! += gradients[(s + 1) * coordinates + n]!;
      loss += updates[s * coordinates + n]! * signal[n]!;
    }
  }
  return loss;
}

/** (L(φ + εv) − L(φ − εv)) / 2ε. */
function slope(fixture: WindowFixture, phi: Float64Array, direction: ArrayLike<number>): number {
  const architecture = networkOf(fixture);
  const epsilon = 1e-6;
  const [above, below] = [epsilon, -epsilon].map((e) =>
    frozenLoss(
      fixture,
      architecture,
      phi.map((x, i) => x + e * direction[i]!),
    ),
  ) as [number, number];
  return (above - below) / (2 * epsilon);
}

describe('lstmStep()', () => {
  for (const fixture of loadWindowFixtures()) {
    const phi = Float64Array.from(fixture.phi);

    it(`agrees with the same architecture in JAX within 1e-12: ${fixture.name}`, () => {
      const { updates, state } = unroll(fixture, networkOf(fixture), phi);
      assert.ok(relativeError(updates, fixture.expected.updates) < 1e-12);
      state.forEach((part, index) => {
        assert.ok(relativeError(part, fixture.expected.finalState[index]!) < 1e-12, `part ${index} of h`);
      });
    });

    it(`has the finite differences of the frozen-gradient loss that the fixture's dφ says: ${fixture.name}`, () => {
      const { metaGradient } = fixture.expected;
      const directions = [1, 2, 3, 4].map((seed) => {
        const direction = new Float32Array(phi.length);
        fillNormal(seedKey(seed), direction);
        return direction;
      });
      const slopes = directions.map((direction) => slope(fixture, phi, direction));
      const expected = directions.map((direction) => metaGradient.reduce((sum, x, i) => sum + x * direction[i]!, 0));
      assert.ok(relativeError(slopes, expected) < 2e-7, `${relativeError(slopes, expected)}`);
    });

    if (fixture.layers.length > 1 || fixture.layers[0] !== 8) continue;
    it(`has finite differences in every entry of φ that agree with the fixture's dφ: ${fixture.name}`, () => {
      const slopes = phi.map((_, i) => slope(fixture, phi, new Float64Array(phi.length).fill(1, i, i + 1)));
      const error = relativeError(slopes, fixture.expected.metaGradient);
      assert.ok(error < 2e-7, `${error}`);
    });
  }

  for (const p of [10, 5, 7.5])
    it(`reads LogAndSign's inputs, which are linear below e^-p: p ${p}`, () => {
      const architecture: LstmConfig = {
        type: 'lstm',
        layers: [1],
        preprocessing: 'log-and-sign',
        outputScale: 1,
        logAndSignP: p,
      };
      // rows: the two inputs, h; columns: i, c̃, f, o; then the biases, w and b of the output
      const weights = [0.5, -0.3, 0.2, 0.7, -0.4, 0.9, 0.1, 0.6, 0, 0, 0, 0];
      const phi = Float64Array.from([...weights, 0.1, 0.2, -0.1, 0.3, 1.5, -0.25]);
      const edge = Math.exp(-p);
      const gradients = Float64Array.of(3, -0.02, 1.001 * edge, -0.999 * edge, edge / 7, 0);
      const { updates } = lstmStep(architecture, phi, gradients, zeroLstmState(architecture, 6));
      const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
      const inputs = [
        [Math.log(3) / p, 1],
        [Math.log(0.02) / p, -1],
        [Math.log(1.001) / p - 1, 1],
        [-1, -0.999],
        [-1, 1 / 7],
        [-1, 0],
      ] as const;
      const expected = inputs.map(([a, b]) => {
        const cell = sigmoid(0.5 * a - 0.4 * b + 0.1) * Math.tanh(-0.3 * a + 0.9 * b + 0.2);
        return 1.5 * sigmoid(0.7 * a + 0.6 * b + 0.3) * Math.tanh(cell) - 0.25;
      });
      assert.ok(relativeError(updates, expected) < 1e-12);
    });

  it("reads RNNProp's inputs: the bias of the running means is corrected as in Adam", () => {
    const architecture: LstmConfig = {
      type: 'lstm',
      layers: [1],
      preprocessing: 'rnnprop',
      outputScale: 1,
      logAndSignP: 10,
    };
    // rows: ∇/√v̂, m̂/√v̂, h; columns: i, c̃, f, o; then the biases, w and b of the output
    const weights = [0.5, -0.3, 0.2, 0.7, -0.4, 0.9, 0.1, 0.6, 0, 0, 0, 0];
    const phi = Float64Array.from([...weights, 0.1, 0.2, -0.1, 0.3, 1.5, -0.25]);
    const gradients = [
      [3, -1e-4, 0],
      [-1, 2e-4, 0],
      [0.5, 1e-4, 0],
      [-7, 0, 0],
    ];
    const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
    let state = zeroLstmState(architecture, 3);
    const cells = [0, 0, 0];
    const means = [0, 0, 0];
    const squares = [0, 0, 0];
    gradients.forEach((row, index) => {
      const step = lstmStep(architecture, phi, Float64Array.from(row), state);
      state = step.state;
      const correction = 1 - 0.95 ** (index + 1);
      row.forEach((g, n) => {
        means[n] = 0.95 * means[n]! + 0.05 * g;
        squares[n] = 0.95 * squares[n]! + 0.05 * g * g;
        const root = Math.sqrt(squares[n]! / correction) + 1e-8;
        const [a, b] = [g / root, means[n]! / correction / root];
        cells[n] =
          sigmoid(0.2 * a + 0.1 * b - 0.1 + 1) * cells[n]! +
          sigmoid(0.5 * a - 0.4 * b + 0.1) * Math.tanh(-0.3 * a + 0.9 * b + 0.2);
        const h = sigmoid(0.7 * a + 0.6 * b + 0.3) * Math.tanh(cells[n]!);
        assert.ok(Math.abs(step.updates[n]! - (1.5 * h - 0.25)) < 1e-12, `step ${index}, coordinate ${n}`);
      });
    });
  });

  it('reads LogAndSign and RNNProp’s inputs one after the other, where it reads both', () => {
    // the same weights, and zeros for the other two inputs
    const layer = Array.from({ length: 28 }, (_, index) => 0.7 * Math.sin(index));
    const own = (rows: number[]) => rows.flatMap((row) => layer.slice(4 * row, 4 * row + 4));
    const rest = [...own([4, 5]), 1.5, -0.25];
    const zeros = Array<number>(8).fill(0);
    const cases = [
      ['log-and-sign', [...own([0, 1]), ...zeros]],
      ['rnnprop', [...zeros, ...own([0, 1])]],
    ] as const;
    for (const [preprocessing, rows] of cases) {
      const one: LstmConfig = { type: 'lstm', layers: [1], preprocessing, outputScale: 1, logAndSignP: 10 };
      const both: LstmConfig = { ...one, preprocessing: 'both' };
      let [state, expected] = [zeroLstmState(both, 2), zeroLstmState(one, 2)];
      for (const gradient of [Float64Array.of(2, -1e-6), Float64Array.of(-0.1, 3), Float64Array.of(0, 1)]) {
        const step = lstmStep(both, Float64Array.from([...rows, ...rest]), gradient, state);
        const alone = lstmStep(one, Float64Array.from([...own([0, 1]), ...rest]), gradient, expected);
        assert.ok(relativeError(step.updates, alone.updates) < 1e-14, preprocessing);
        [state, expected] = [step.state, alone.state];
      }
    }
  });

  for (const preprocessing of PREPROCESSINGS)
    it(`writes to nothing that it is given: ${preprocessing}`, () => {
      const architecture: LstmConfig = {
        type: 'lstm',
        layers: [3, 2],
        preprocessing,
        outputScale: 0.1,
        logAndSignP: 10,
      };
      const given = {
        phi: new Float64Array(200).fill(0.3),
        gradient: Float64Array.of(1, -2e-6),
        state: zeroLstmState(architecture, 2),
      };
      const before = structuredClone(given);
      lstmStep(architecture, given.phi, given.gradient, given.state);
      assert.deepEqual(given, before);
    });
});
