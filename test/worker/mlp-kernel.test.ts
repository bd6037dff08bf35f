/** The perceptron's kernels: against its definition, and against each other to the last bit. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { MLP_RULES, type MlpConfig, type MlpRule, SCHEDULES } from '../../shared/architectures/mlp.js';
import { initialPhi, phiLength } from '../../shared/phi.js';
import { seedKey } from '../../shared/random.js';
import type { HostKernel } from '../../worker/architectures/host-kernel.js';
import { type CoordinateLayout, coordinatesIn, stateLengths } from '../../worker/architectures/layout.js';
import { mlpStep } from '../../worker/architectures/mlp/definition.js';
import { MlpKernel } from '../../worker/architectures/mlp/mlp-kernel.js';
import { createNativePasses } from '../../worker/architectures/mlp/native/native-kernel.js';
import { mlpTensorStep } from '../../worker/architectures/mlp/tensors.js';
import { createWasmPasses } from '../../worker/architectures/mlp/wasm/wasm-kernel.js';
import { tensorsOfPhi } from '../../worker/architectures/tensors/phi-tensors.js';
import { instructionSets, nativeFault } from '../../worker/devices/native/load.js';
import { relativeError } from '../contracts/engine.js';
import { bitsOf } from '../fixtures/bits.js';
import { setVariable } from '../fixtures/environment.js';
import { Draws } from '../fixtures/random-draws.js';

const STEPS = 4;

interface Case {
  config: MlpConfig;
  layout: CoordinateLayout;
  phi: Float32Array;
  /** ∇_t and θ_0. */
  gradients: Float32Array[];
  theta: Float32Array;
  horizon: number;
}

function randomCase(seed: number, rule?: MlpRule): Case {
  const draws = new Draws(seed);
  const chosen = rule ?? draws.of(MLP_RULES);
  const config: MlpConfig = {
    type: 'mlp',
    rule: chosen,
    units: Array.from({ length: 1 + draws.below(3) }, () => draws.of([8, 8, 4, 13, 32])),
    stepScale: draws.of([1, 0.3]),
    schedule: draws.of(SCHEDULES),
    orthogonalise: chosen === 'celo2' && draws.below(2) === 1,
  };
  const tensors = Array.from({ length: 1 + draws.below(3) }, () => {
    const side = () => 1 + draws.below(20);
    return draws.of([() => [side()], () => [side(), side()], () => [3, 3, 2, side()], () => [16, 32]])();
  });
  const layout = { problems: 1 + draws.below(2), tensors };
  const count = coordinatesIn(layout);
  const phi = new Float32Array(initialPhi(config, seedKey(seed)));
  const noise = draws.normal(phiLength(config), 0.1);
  for (let i = 0; i < phi.length; i++) phi[i]! += noise[i]! * (config.rule === 'small-fc' && i < 7 ? 0.1 : 1);
  const scale = draws.of([1, 1e-2, 30]);
  const gradients = Array.from({ length: STEPS }, () => draws.normal(count, scale));
  return { config, layout, phi, gradients, theta: draws.normal(count, 0.1), horizon: draws.of([0, 20]) };
}

/** θ and g of every step, as a kernel walks, and the state at the end. */
function walked(kernel: HostKernel, { layout, phi, gradients, theta, horizon }: Case): Float32Array[] {
  kernel.loadPhi(phi);
  const results: Float32Array[] = [];
  let own = theta.slice();
  const hidden = new Float32Array(kernel.stateLength(layout));
  gradients.forEach((gradient, step) => {
    // from one walk to the next, as from one window to the next
    const walk = kernel.walk(layout, { step, horizon }, hidden);
    walk.step(gradient, own);
    walk.end(hidden);
    results.push(own);
    own = own.slice();
  });
  return [...results, hidden];
}

/** g of every step by the definition, teacher-forced on the given θ's. */
function defined({ config, layout, phi, gradients, theta, horizon }: Case, thetas: readonly Float32Array[]) {
  let state: readonly Float64Array[] = stateLengths(config, layout).map((length) => new Float64Array(length));
  return gradients.map((gradient, step) => {
    const at = Float64Array.from(step === 0 ? theta : thetas[step - 1]!);
    const input = { gradient: Float64Array.from(gradient), theta: at, layout, clock: { step, horizon } };
    const next = mlpStep(config, Float64Array.from(phi), input, state);
    state = next.state;
    return at.map((value, i) => value + next.updates[i]!);
  });
}

/** The largest difference of two θ's, in units of the largest update. */
function worst(theta: Float32Array, expected: Float64Array, before: Float32Array): number {
  let [difference, update] = [0, 0];
  for (let i = 0; i < theta.length; i++) {
    // θ itself is rounded to float32
    difference = Math.max(difference, Math.abs(theta[i]! - expected[i]!) - 1e-7 * Math.abs(expected[i]!));
    update = Math.max(update, Math.abs(expected[i]! - before[i]!));
  }
  return difference / update;
}

describe('the perceptron', () => {
  for (const rule of MLP_RULES) {
    it(`computes in WebAssembly what its definition says: ${rule}`, () => {
      for (let seed = 0; seed < 25; seed++) {
        const own = randomCase(seed, rule);
        const kernel = new MlpKernel(createWasmPasses, own.config, { strict: seed % 2 === 1 });
        const thetas = walked(kernel, own).slice(0, -1);
        defined(own, thetas).forEach((expected, step) => {
          const error = worst(thetas[step]!, expected, step === 0 ? own.theta : thetas[step - 1]!);
          assert.ok(error < 2e-5, `seed ${seed}, step ${step}, ${JSON.stringify(own.layout.tensors)}: ${error}`);
        });
      }
    });

    it(`computes by tensor operations what its definition says: ${rule}`, () => {
      for (let seed = 100; seed < 106; seed++) {
        const { config, layout, phi, gradients, theta, horizon } = randomCase(seed, rule);
        const first = { step: 0, horizon };
        const zeros = stateLengths(config, layout).map((length) => new Float64Array(length));
        const from = (values: Float32Array) => Float64Array.from(values);
        const input = { gradient: from(gradients[0]!), theta: from(theta), layout, clock: first };
        const expected = mlpStep(config, from(phi), input, zeros);
        const before = tf.memory().numTensors;
        const updates = tf.tidy(() => {
          const state = zeros.map(({ length }) => tf.zeros<tf.Rank.R2>([length, 1]));
          const given = { gradient: tf.tensor1d(gradients[0]!), theta: tf.tensor1d(theta), layout, clock: first };
          return mlpTensorStep(tf, config, tensorsOfPhi(tf, config, phi), given, state).updates.dataSync<'float32'>();
        });
        assert.equal(tf.memory().numTensors, before);
        assert.ok(relativeError(updates, expected.updates) < 2e-5, `seed ${seed}`);
      }
    });
  }
});

describe('the native kernel of the perceptron', { skip: nativeFault() }, () => {
  const sets = nativeFault() === undefined ? instructionSets() : [];
  for (const set of sets) {
    for (const strict of [false, true]) {
      it(`computes the bits of the one in WebAssembly: ${set}, ${strict ? 'strict' : 'fused'}`, (test) => {
        setVariable(test, 'LOPT_NATIVE', set);
        for (let seed = 0; seed < 120; seed++) {
          const own = randomCase(seed);
          const native = walked(new MlpKernel(createNativePasses, own.config, { strict }), own);
          const wasm = walked(new MlpKernel(createWasmPasses, own.config, { strict }), own);
          wasm.forEach((expected, i) => {
            const [own, other] = [native[i]!, expected].map((values) => Buffer.from(bitsOf(values).buffer));
            assert.ok(own!.equals(other!), `seed ${seed}, array ${i}`);
          });
        }
      });
    }
  }
});
