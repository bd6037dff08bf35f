import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { fillNormal, seedKey } from '../../shared/random.js';
import { matrixVectorProducts } from '../../worker/problems/products.js';

test('matrixVectorProducts() multiplies row by row, and so do its gradients, for more problems than one product takes', async () => {
  await tf.setBackend('cpu');
  const count = 65_537;
  const [w, x, dy] = [2 * count, 2 * count, count].map((length, seed) => {
    const values = new Float32Array(length);
    fillNormal(seedKey(seed), values);
    return values;
  }) as [Float32Array, Float32Array, Float32Array];
  const tensors = tf.memory().numTensors;
  const { value, gradients } = tf.tidy(() => {
    const { value, grads } = tf.valueAndGrads((a, b) => matrixVectorProducts(tf, a as tf.Tensor3D, b as tf.Tensor2D))(
      [tf.tensor3d(w, [count, 1, 2]), tf.tensor2d(x, [count, 2])],
      tf.tensor2d(dy, [count, 1]),
    );
    assert.deepEqual(value.shape, [count, 1]);
    assert.deepEqual(
      grads.map(({ shape }) => shape),
      [
        [count, 1, 2],
        [count, 2],
      ],
    );
    return { value: value.dataSync(), gradients: grads.map((gradient) => gradient.dataSync()) };
  });
  assert.equal(tf.memory().numTensors, tensors);
  // two products and their sum in float32 or wider
  const close = (actual: number, expected: number, what: string) =>
    assert.ok(Math.abs(actual - expected) <= 1e-5 * Math.max(1, Math.abs(expected)), `${what}: ${actual}, ${expected}`);
  for (let p = 0; p < count; p++) {
    close(value[p]!, w[2 * p]! * x[2 * p]! + w[2 * p + 1]! * x[2 * p + 1]!, `product ${p}`);
    for (const i of [2 * p, 2 * p + 1]) {
      close(gradients[0]![i]!, dy[p]! * x[i]!, `slope of w at ${i}`);
      close(gradients[1]![i]!, dy[p]! * w[i]!, `slope of x at ${i}`);
    }
  }
});
