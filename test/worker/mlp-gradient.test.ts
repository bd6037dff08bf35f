/** Back-propagation through the perceptron, which reads θ and couples the coordinates of a tensor: against differences. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type * as tfjs from '@tensorflow/tfjs';
import type { MlpConfig } from '../../shared/architectures/mlp.js';
import { initialPhi } from '../../shared/phi.js';
import { fillNormal, foldIn, seedKey } from '../../shared/random.js';
import { stateLengths } from '../../worker/architectures/layout.js';
import { mlpStep } from '../../worker/architectures/mlp/definition.js';
import { cloneShard } from '../../worker/engines/clone-shard.js';
import type { ShardState } from '../../worker/engines/engine.js';
import { createReferenceEngine } from '../../worker/engines/tensor/reference-engine.js';
import type { Problems } from '../../worker/problems/problem.js';
import { relativeError } from '../contracts/engine.js';
import { LoadedEngine } from '../fixtures/loaded-engine.js';
import { Draws } from '../fixtures/random-draws.js';

const [INPUTS, OUTPUTS, ROWS] = [2, 3, 4];
const SIZE = INPUTS * OUTPUTS + OUTPUTS;
const DATA = ROWS * (INPUTS + OUTPUTS);

/** Σ (x·W + b − y)² over a few rows x: a matrix and a vector. */
const regression: Problems = {
  coordinates: SIZE,
  parameters: [
    { name: 'weights', shape: [INPUTS, OUTPUTS] },
    { name: 'biases', shape: [OUTPUTS] },
  ],
  stationary: true,
  draw(key, count) {
    const theta = new Float32Array(count * SIZE);
    const data = new Float32Array(count * DATA);
    fillNormal(foldIn(key, 1), theta, 0, 0.5);
    fillNormal(foldIn(key, 2), data);
    return { theta, data };
  },
  loss: (tf, theta, { count, data, tensor }) =>
    tf.tidy(() => {
      const all = tensor ?? tf.tensor2d(data.slice(), [count, DATA]);
      const x = tf.reshape(tf.slice(all, [0, 0], [count, ROWS * INPUTS]), [count, ROWS, INPUTS]);
      const y = tf.reshape(tf.slice(all, [0, ROWS * INPUTS], [count, ROWS * OUTPUTS]), [count, ROWS, OUTPUTS]);
      const weights = tf.reshape(tf.slice(theta, [0, 0], [count, INPUTS * OUTPUTS]), [count, INPUTS, OUTPUTS]);
      const biases = tf.reshape(tf.slice(theta, [0, INPUTS * OUTPUTS], [count, OUTPUTS]), [count, 1, OUTPUTS]);
      return tf.sum(tf.square(tf.sub(tf.add(tf.matMul(x, weights), biases), y)), [1, 2]) as tfjs.Tensor1D;
    }),
};

/** f and ∇f of a problem in float64. */
function slopes(theta: Float64Array, data: Float32Array): { loss: number; gradient: Float64Array } {
  const gradient = new Float64Array(SIZE);
  let loss = 0;
  for (let r = 0; r < ROWS; r++) {
    for (let o = 0; o < OUTPUTS; o++) {
      let error = theta[INPUTS * OUTPUTS + o]! - data[ROWS * INPUTS + r * OUTPUTS + o]!;
      for (let i = 0; i < INPUTS; i++) error += data[r * INPUTS + i]! * theta[i * OUTPUTS + o]!;
      loss += error * error;
      for (let i = 0; i < INPUTS; i++) gradient[i * OUTPUTS + o]! += 2 * error * data[r * INPUTS + i]!;
      gradient[INPUTS * OUTPUTS + o]! += 2 * error;
    }
  }
  return { loss, gradient };
}

const STEPS = 3;
const HORIZON = 8;

/** Σ_t f_t(θ_t(φ)) of a window in float64; the gradients are those of `frozen` if it is given, not of where θ goes. */
function windowLoss(config: MlpConfig, start: ShardState, phi: Float64Array, frozen?: Float64Array[]) {
  const layout = { problems: 1, tensors: regression.parameters!.map(({ shape }) => shape) };
  let state: readonly Float64Array[] = stateLengths(config, layout).map((length) => new Float64Array(length));
  let theta: Float64Array = Float64Array.from(start.theta);
  let gradient: Float64Array = Float64Array.from(start.gradient);
  const gradients = [gradient];
  let loss = 0;
  for (let step = 0; step < STEPS; step++) {
    const read = frozen?.[step] ?? gradient;
    const next = mlpStep(config, phi, { gradient: read, theta, layout, clock: { step, horizon: HORIZON } }, state);
    state = next.state;
    theta = theta.map((value, i) => value + next.updates[i]!);
    const after = slopes(theta, start.data);
    loss += after.loss;
    gradient = after.gradient;
    gradients.push(gradient);
  }
  return { loss, gradients };
}

describe('the meta-gradient of the perceptron on the reference engine', () => {
  for (const [rule, secondDerivatives] of [
    ['general', true],
    ['general', false],
    ['small-fc', true],
    ['celo2', false],
    ['control', true],
  ] as const) {
    const kind = secondDerivatives ? 'kept' : 'dropped';
    it(`agrees with differences of the definition in float64: ${rule}, second derivatives ${kind}`, async () => {
      const config: MlpConfig = {
        type: 'mlp',
        rule,
        units: [5, 4],
        stepScale: rule === 'small-fc' || rule === 'celo2' ? 30 : 1,
        schedule: 'own',
        orthogonalise: rule === 'celo2',
      };
      const phi = new Float32Array(initialPhi(config, seedKey(8)));
      new Draws(6).normal(phi.length, 0.2).forEach((value, i) => {
        phi[i]! += value;
      });
      const made = await createReferenceEngine({ problems: regression, architecture: config, secondDerivatives });
      const engine = new LoadedEngine(made, phi);
      const state = await engine.begin(seedKey(1), 1, 'train');
      const start = cloneShard(state);
      const { metaGradient } = await engine.window({ state, steps: STEPS, horizon: HORIZON });
      const { gradients } = windowLoss(config, start, Float64Array.from(phi));
      const frozen = secondDerivatives ? undefined : gradients;
      const expected = Float64Array.from(phi, (_, i) => {
        const [above, below] = [1e-5, -1e-5].map((epsilon) => {
          const moved = Float64Array.from(phi);
          moved[i]! += epsilon;
          return windowLoss(config, start, moved, frozen).loss;
        }) as [number, number];
        return (above - below) / 2e-5;
      });
      const error = relativeError(metaGradient, expected);
      assert.ok(error < 2e-4, `${error}`);
      engine.close();
    });
  }
});
