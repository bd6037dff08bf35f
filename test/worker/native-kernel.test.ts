/** The native kernel against the one in WebAssembly: equal to the last bit on every instruction set of this machine. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type LstmConfig, PREPROCESSINGS } from '../../shared/architectures/lstm.js';
import { exp } from '../../shared/elementary.js';
import { phiLength } from '../../shared/phi.js';
import type { HostKernel, HostKernelOptions } from '../../worker/architectures/host-kernel.js';
import { coordinatesIn } from '../../worker/architectures/layout.js';
import { BlockLstm } from '../../worker/architectures/lstm/blocks/block-lstm.js';
import { createNativeKernel } from '../../worker/architectures/lstm/native/native-kernel.js';
import { createWasmKernel } from '../../worker/architectures/lstm/wasm/wasm-kernel.js';
import { instructionSets, nativeFault } from '../../worker/devices/native/load.js';
import { bitsOf } from '../fixtures/bits.js';
import { setVariable } from '../fixtures/environment.js';
import { Draws } from '../fixtures/random-draws.js';

const SHAPES = 150;

/** A random network and window, of which everything that a kernel can be asked for is taken. */
function shapeOf(draws: Draws) {
  const layers = Array.from({ length: 1 + draws.below(3) }, () => 1 + draws.below(23));
  const secondDerivatives = draws.below(2) === 1;
  const preprocessing = draws.of(secondDerivatives ? PREPROCESSINGS.slice(0, 2) : PREPROCESSINGS);
  const logAndSignP = draws.of([10, 5, 7.5]);
  const architecture: LstmConfig = {
    type: 'lstm',
    layers,
    preprocessing,
    outputScale: draws.of([0.1, 1]),
    logAndSignP,
  };
  const window = {
    layout: { problems: 1, tensors: [[1 + draws.below(200)]] },
    steps: 1 + draws.below(12),
    updateGradient: draws.below(2) === 1,
    secondDerivatives,
  };
  // untrained weights are small; trained ones saturate gates
  return { architecture, window, scale: draws.of([0.05, 0.5, 3]), slopeLimit: draws.of([0, 0.5]) };
}

/** Values that a running window can meet at its edges. */
const EDGES = [0, -0, 1e-45, -1e-39, ...[10, 5, 7.5].map((p) => Math.fround(exp(-p))), 1e30, -3e38];

/** Everything that a kernel makes of a shape, in order. */
function outcomes(kernel: HostKernel, seed: number): Float32Array[] {
  const draws = new Draws(seed);
  const { architecture, window: shape, scale, slopeLimit } = shapeOf(draws);
  const { steps, layout } = shape;
  const coordinates = coordinatesIn(layout);
  const results: Float32Array[] = [];
  kernel.loadPhi(draws.normal(phiLength(architecture), scale));
  const window = kernel.window!(shape);
  for (const row of window.gradients) {
    row.set(draws.normal(coordinates, draws.of([1e-6, 1, 100])));
    if (draws.below(4) === 0) row[draws.below(coordinates)] = draws.of(EDGES);
  }
  window.lossWeights.set(draws.normal(steps));
  for (const row of window.updateGradient) row.set(draws.normal(coordinates));
  const hidden = new Float32Array(kernel.stateLength(layout));
  if (draws.below(2) === 1) hidden.set(draws.normal(hidden.length).map(Math.abs));
  window.begin(hidden);
  for (let s = 0; s < steps; s++) results.push(window.step(s, new Float32Array(coordinates)).slice());
  if (shape.secondDerivatives) {
    const curvature = draws.normal(coordinates);
    const hessian = (t: number, vector: Float32Array, product: Float32Array) => {
      results.push(vector.slice());
      for (let i = 0; i < vector.length; i++) product[i] = curvature[i]! * vector[(i + t) % vector.length]!;
    };
    results.push(window.backwardThroughProblems(hessian, slopeLimit));
  } else {
    results.push(window.backward());
  }
  window.end(hidden);
  results.push(hidden.slice());
  const theta = new Float32Array(coordinates);
  const walk = kernel.walk(layout, { step: 0, horizon: 3 }, draws.below(2) === 1 ? hidden : undefined);
  for (let t = 0; t < 3; t++) walk.step(draws.normal(coordinates), theta);
  const after = new Float32Array(hidden.length);
  walk.end(after);
  return [...results, theta, after];
}

describe('the native kernel', { skip: nativeFault() }, () => {
  const sets = nativeFault() === undefined ? instructionSets() : [];
  for (const set of sets) {
    for (const strict of [false, true]) {
      it(`computes the bits of the one in WebAssembly: ${set}, ${strict ? 'strict' : 'fused'}`, (test) => {
        setVariable(test, 'LOPT_NATIVE', set);
        let different = 0;
        for (let seed = 0; seed < SHAPES; seed++) {
          const { architecture } = shapeOf(new Draws(seed));
          const options: HostKernelOptions = { strict, activationBudget: seed % 3 === 0 ? 0 : 2 ** 25 };
          const native = outcomes(new BlockLstm(createNativeKernel, architecture, options), seed);
          const wasm = outcomes(new BlockLstm(createWasmKernel, architecture, options), seed);
          assert.equal(native.length, wasm.length);
          wasm.forEach((expected, i) => {
            assert.deepEqual(bitsOf(native[i]!), bitsOf(expected), `shape ${seed}, result ${i} of ${wasm.length}`);
            if (expected.some((value) => value !== 0)) different += 1;
          });
        }
        assert.ok(different > SHAPES, 'most results must be other than zeros');
      });
    }
  }

  it('refuses arrays that do not lie within its memory', () => {
    const { passes, memory } = createNativeKernel(
      { type: 'lstm', layers: [3], preprocessing: 'none', outputScale: 1, logAndSignP: 10 },
      false,
    );
    const at = memory.allocate(4096);
    assert.throws(() => passes.forwardBlock(at, at, at, 2 ** 40, 8), RangeError);
    assert.throws(() => passes.forwardBlock(at, at, at, Number.NaN, 8), RangeError);
    assert.throws(() => passes.forwardBlock(at, at, at, at, 12), RangeError);
    assert.throws(() => passes.weightGradients(at, 6, at, 8), RangeError);
    assert.throws(() => (passes.loadPhi as () => void)(), TypeError);
  });
});
