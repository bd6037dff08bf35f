import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import type { LstmConfig } from '../../shared/architectures/lstm.js';
import { LoptError } from '../../shared/errors.js';
import { type Key, seedKey } from '../../shared/random.js';
import { networkInput } from '../../worker/architectures/lstm/tensors.js';
import { createReferenceEngine } from '../../worker/engines/tensor/reference-engine.js';
import { checkHessian } from '../../worker/problems/derivatives/hessian.js';
import type { Batch, Problems } from '../../worker/problems/problem.js';
import { familyNamed, optionValues } from '../../worker/problems/registry.js';
import { relativeError } from '../contracts/engine.js';
import { testTensorEngine } from '../contracts/tensor-engine.js';

const key: Key = seedKey(1606);

function configure(family: string, options: Record<string, unknown> = {}): Promise<Problems> {
  return familyNamed(family).configure(optionValues(familyNamed(family), options));
}

testTensorEngine({
  name: 'reference',
  async load() {
    // the engine's own backend, with what it mends
    const engine = await createReferenceEngine({
      problems: await configure('simple'),
      architecture: { type: 'lstm', layers: [1], preprocessing: 'none', outputScale: 1, logAndSignP: 10 },
    });
    engine.close();
    return tf;
  },
});

describe('networkInput()', () => {
  it('has slopes of LogAndSign of at most the limit', async () => {
    await tf.setBackend('cpu');
    const architecture: LstmConfig = {
      type: 'lstm',
      layers: [2],
      preprocessing: 'log-and-sign',
      outputScale: 1,
      logAndSignP: 10,
    };
    const gradients = tf.tensor1d([4, -0.5, 0.05, -1e-3, 1e-6]);
    for (const [limit, expected] of [
      [1, [0.025, -0.2, 1, -1, 1]],
      [0.1, [0.025, -0.1, 0.1, -0.1, 0.1]],
      [Number.POSITIVE_INFINITY, [0.025, -0.2, 2, -100, Math.exp(10)]],
    ] as const) {
      const slopes = tf.grad((x) => tf.sum(networkInput(tf, architecture, x as tf.Tensor1D, undefined, limit)))(
        gradients,
      );
      assert.ok(relativeError(await slopes.data(), expected) < 1e-6, `${limit}: ${await slopes.data()}`);
    }
  });
});

describe('second derivatives', () => {
  it('begin() says in one sentence where a gradient cannot be differentiated, or loses parts when it is', async () => {
    const architecture: LstmConfig = {
      type: 'lstm',
      layers: [2],
      preprocessing: 'none',
      outputScale: 0.1,
      logAndSignP: 10,
    };
    const simple = await configure('simple');
    const losses: Problems['loss'][] = [
      (_, theta) => tf.sum<tf.Tensor1D>(tf.mul(theta, 3), 1),
      (_, theta) => tf.sum<tf.Tensor1D>(tf.square(tf.elu(theta)), 1),
      (_, theta) => tf.sum<tf.Tensor1D>(tf.square(tf.logSoftmax(tf.concat([theta, tf.neg(theta)], 1), 1)), 1),
    ];
    for (const loss of losses) {
      const engine = await createReferenceEngine({
        problems: { ...simple, loss },
        architecture,
        secondDerivatives: true,
      });
      await assert.rejects(
        engine.begin({ key, count: 8, split: 'train' }),
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
    await checkHessian(tf, problems, theta, { count: 2, data, key, split: 'train' }, 0);
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
      await checkHessian(tf, problems, Float32Array.of(0.4, -0.6, 0.25, 0.9, -0.3, 0.8, 0.1, -0.7), batch, 0);
    });
  }
});
