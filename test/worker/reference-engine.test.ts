import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { LoptError } from '../../shared/errors.js';
import { type Network, phiLength } from '../../shared/phi.js';
import { fillNormal, type Key, seedKey } from '../../shared/random.js';
import type { ShardState } from '../../worker/engines/engine.js';
import { createReferenceEngine } from '../../worker/engines/tensor/reference-engine.js';
import {
  checkHessian,
  createTensorGradient,
  hessianVectorProduct,
} from '../../worker/engines/tensor/tensor-gradient.js';
import { lstmStep, zeroLstmState } from '../../worker/optimizers/lstm.js';
import type { Batch, Problems } from '../../worker/problems/problem.js';
import { familyNamed, optionValues } from '../../worker/problems/registry.js';
import { gradientOf } from '../../worker/session.js';
import { cloneState, relativeError, testEngine } from '../contracts/engine.js';

const key: Key = seedKey(1606);

function configure(family: string, options: Record<string, unknown> = {}): Promise<Problems> {
  return familyNamed(family).configure(optionValues(familyNamed(family), options));
}

/** φ with weights large enough for updates that matter. */
function somePhi(network: Network): Float32Array {
  const phi = new Float32Array(phiLength(network));
  fillNormal(seedKey(4474), phi, 0, 0.8);
  return phi;
}

testEngine({
  name: 'reference',
  create: (problems, gradient, network) => createReferenceEngine({ problems, gradient, network }),
  encode: (layers) => Float32Array.from(layers.flatMap(({ hidden, cell }) => [...hidden, ...cell])),
  decode(hidden, network, coordinates) {
    let at = 0;
    function take(length: number): Float32Array {
      at += length;
      return hidden.slice(at - length, at);
    }
    return network.layers.map((units) => ({ hidden: take(coordinates * units), cell: take(coordinates * units) }));
  },
});

describe('createReferenceEngine()', () => {
  const network: Network = { layers: [4, 3], preprocessing: 'log-and-sign', outputScale: 0.1 };

  for (const secondDerivatives of [false, true]) {
    it(`leaves no tensor behind, second derivatives ${secondDerivatives ? 'kept' : 'dropped'}`, async () => {
      const problems = await configure('quadratic', { dimension: 3 });
      const before = tf.memory().numTensors;
      const engine = await createReferenceEngine({ problems, network, secondDerivatives });
      engine.loadPhi(somePhi(network));
      const loaded = tf.memory().numTensors;
      const state = engine.begin(key, 2, 'train');
      engine.window({ state, steps: 3 });
      engine.window({ state, steps: 2, updateGradient: new Float32Array(12).fill(1) });
      const optimizer = engine.optimizer();
      optimizer.update(state.gradient, optimizer.init(6));
      engine.loadPhi(somePhi(network));
      assert.equal(tf.memory().numTensors, loaded);
      engine.close();
      assert.equal(tf.memory().numTensors, before);
      engine.close();
    });
  }

  it('window() walks as a loop over optimizer() and the gradient does', async () => {
    const problems = await configure('quadratic', { dimension: 3 });
    const engine = await createReferenceEngine({ problems, network });
    engine.loadPhi(somePhi(network));
    const state = engine.begin(key, 2, 'train');
    const [theta, gradient, losses] = [state.theta.slice(), state.gradient.slice(), new Float64Array(2)];
    const batch: Batch = { count: 2, data: state.data.slice(), key, split: 'train' };
    const optimizer = engine.optimizer();
    let hidden = optimizer.init(6);
    let loss = 0;
    for (let t = 1; t <= 4; t++) {
      const step = optimizer.update(gradient, hidden);
      hidden = step.state;
      step.updates.forEach((update, i) => {
        theta[i]! += update;
      });
      createTensorGradient(tf, problems)(theta, batch, t, gradient, losses);
      loss += losses[0]! + losses[1]!;
    }
    const result = engine.window({ state, steps: 4 });
    assert.deepEqual([state.theta, state.gradient, state.hidden], [theta, gradient, hidden]);
    assert.ok(Math.abs(result.loss - loss) < 1e-12 * loss);
    assert.equal(result.finalLoss, losses[0]! + losses[1]!);
    assert.deepEqual([state.step, result.healthy], [4, 2]);
    engine.close();
  });
});

/** What the engine is asked to differentiate, in float64: Σ_t w_t f_t(θ_t(φ)) + Σ_s <g_s(φ), extra_s> of a quadratic. */
function trueLoss(
  network: Network,
  start: ShardState,
  weights: Float32Array,
  extra: Float32Array,
  phi: Float64Array,
): number {
  const theta = Float64Array.from(start.theta);
  const n = theta.length;
  const d = n / start.count;
  let gradient = Float64Array.from(start.gradient);
  let state = zeroLstmState(network, n);
  let loss = 0;
  weights.forEach((weight, s) => {
    const step = lstmStep(network, phi, gradient, state);
    state = step.state;
    gradient = new Float64Array(n);
    step.updates.forEach((update, i) => {
      theta[i]! += update;
      loss += update * extra[s * n + i]!;
    });
    for (let p = 0; p < start.count; p++) {
      const own = start.data.subarray(p * (d * d + d), (p + 1) * (d * d + d));
      for (let i = 0; i < d; i++) {
        let r = -own[d * d + i]!;
        for (let j = 0; j < d; j++) r += own[i * d + j]! * theta[p * d + j]!;
        loss += weight * r * r;
        for (let j = 0; j < d; j++) gradient[p * d + j]! += 2 * own[i * d + j]! * r;
      }
    }
  });
  return loss;
}

describe('second derivatives', () => {
  for (const preprocessing of ['none', 'log-and-sign'] as const) {
    it(`window() gives dφ of the true loss, by finite differences in float64: ${preprocessing}`, async () => {
      const network: Network = { layers: [4], preprocessing, outputScale: 0.5 };
      const problems = await configure('quadratic', { dimension: 3, 'initial-scale': 1 });
      const phi = somePhi(network);
      const lossWeights = Float32Array.of(1, 0.5, 2, 1, 1);
      const updateGradient = new Float32Array(5 * 6);
      fillNormal(seedKey(3), updateGradient);

      const gradients = new Map<boolean, Float32Array>();
      let start: ShardState | undefined;
      for (const secondDerivatives of [true, false]) {
        const engine = await createReferenceEngine({ problems, network, secondDerivatives });
        engine.loadPhi(phi);
        const state = engine.begin(key, 2, 'train');
        start = cloneState(state);
        gradients.set(secondDerivatives, engine.window({ state, steps: 5, lossWeights, updateGradient }).phiGradient);
        engine.close();
      }
      const expected = Float64Array.from(phi, (_, i) => {
        const [above, below] = [1e-5, -1e-5].map((epsilon) => {
          const moved = Float64Array.from(phi);
          moved[i]! += epsilon;
          return trueLoss(network, start!, lossWeights, updateGradient, moved);
        }) as [number, number];
        return (above - below) / 2e-5;
      });
      const error = relativeError(gradients.get(true)!, expected);
      assert.ok(error < 1e-5, `${error}`);
      const dropped = relativeError(gradients.get(false)!, expected);
      assert.ok(dropped > 1e-3, `without second derivatives: ${dropped}`);
    });
  }

  const cases: [string, Record<string, unknown>][] = [
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
  ];
  for (const [family, options] of cases) {
    it(`hessianVectorProduct() agrees with differences of the gradient: ${family} ${JSON.stringify(options)}`, async () => {
      await tf.setBackend('cpu');
      const problems = await configure(family, options);
      const { theta, data } = problems.draw(key, 2, 'train');
      const batch: Batch = { count: 2, data, key, split: 'train' };
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
      const tensors = tf.memory().numTensors;
      const error = relativeError(hessianVectorProduct(tf, problems, theta, vector, batch, 3), expected);
      assert.ok(error < 5e-3, `${error}`);
      assert.equal(tf.memory().numTensors, tensors);
    });
  }

  it('begin() says in one sentence where a gradient cannot be differentiated, or loses parts when it is', async () => {
    const network: Network = { layers: [2], preprocessing: 'none', outputScale: 0.1 };
    const simple = await configure('simple');
    const losses: Problems['loss'][] = [
      (_, theta) => tf.sum<tf.Tensor1D>(tf.mul(theta, 3), 1),
      (_, theta) => tf.sum<tf.Tensor1D>(tf.square(tf.elu(theta)), 1),
      (_, theta) => tf.sum<tf.Tensor1D>(tf.square(tf.logSoftmax(tf.concat([theta, tf.neg(theta)], 1), 1)), 1),
    ];
    for (const loss of losses) {
      const engine = await createReferenceEngine({ problems: { ...simple, loss }, network, secondDerivatives: true });
      assert.throws(
        () => engine.begin(key, 8, 'train'),
        (error) => error instanceof LoptError && /^Cannot keep second derivatives: [^\n]*$/.test(error.message),
      );
      engine.close();
    }
  });

  it('checkHessian() accepts a family that starts on the kinks of its loss: lasso', async () => {
    await tf.setBackend('cpu');
    const problems = await configure('lasso');
    const { theta, data } = problems.draw(key, 2, 'train');
    assert.ok(theta.every((x) => x === 0));
    checkHessian(tf, problems, theta, { count: 2, data, key, split: 'train' }, 0);
  });

  const operations: [string, (x: tf.Tensor2D) => tf.Tensor][] = [
    ['exp', (x) => tf.exp(x)],
    ['sigmoid', (x) => tf.sigmoid(x)],
    ['tanh', (x) => tf.tanh(x)],
    ['softmax', (x) => tf.square(tf.softmax(x, 1))],
    ['logSumExp', (x) => tf.logSumExp(x, 1, true)],
    ['max', (x) => tf.square(tf.max(x, 1, true))],
    ['where', (x) => tf.where(tf.greater(x, 0), tf.square(x), tf.exp(x))],
    ['clipByValue', (x) => tf.square(tf.clipByValue(x, -0.5, 0.5))],
  ];
  for (const [name, operation] of operations) {
    it(`checkHessian() finds the second derivative of ${name} right`, async () => {
      await tf.setBackend('cpu');
      const loss: Problems['loss'] = (_, theta) => tf.sum<tf.Tensor1D>(operation(theta), 1);
      const problems: Problems = { ...(await configure('simple')), coordinates: 4, loss };
      const batch: Batch = { count: 2, data: new Float32Array(0), key, split: 'train' };
      checkHessian(tf, problems, Float32Array.of(0.4, -0.6, 0.25, 0.9, -0.3, 0.8, 0.1, -0.7), batch, 0);
    });
  }
});
