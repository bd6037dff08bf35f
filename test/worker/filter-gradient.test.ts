import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { fillNormal, seedKey } from '../../shared/random.js';
import { speedUpFilterGradient } from '../../worker/problems/derivatives/filter-gradient.js';

interface Convolution {
  images: [number, number, number, number];
  filter: [number, number, number, number];
  strides: number | [number, number];
  pad: 'same' | 'valid' | number;
}

const CONVOLUTIONS: readonly Convolution[] = [
  { images: [3, 7, 6, 2], filter: [3, 3, 2, 4], strides: 2, pad: 'same' },
  { images: [2, 8, 8, 1], filter: [5, 3, 1, 3], strides: 1, pad: 'valid' },
  { images: [2, 5, 9, 3], filter: [4, 2, 3, 1], strides: [3, 2], pad: 'same' },
  { images: [1, 6, 6, 2], filter: [3, 3, 2, 2], strides: 1, pad: 2 },
  { images: [1, 2, 2, 1], filter: [5, 5, 1, 2], strides: 2, pad: 'same' },
];

function normals(seed: number, shape: [number, number, number, number]): tf.Tensor4D {
  const values = new Float32Array(shape.reduce((product, size) => product * size));
  fillNormal(seedKey(seed), values);
  return tf.tensor4d(values, shape);
}

/** The gradient of a filter under random slopes. */
function gradientOf({ images, filter, strides, pad }: Convolution): Float32Array {
  return tf.tidy(() => {
    const x = normals(1, images);
    const product = (w: tf.Tensor) => tf.conv2d(x, w as tf.Tensor4D, strides, pad);
    const w = normals(2, filter);
    const slopes = normals(3, product(w).shape);
    return tf.grad(product)(w, slopes).dataSync().slice() as Float32Array;
  });
}

test('speedUpFilterGradient() gives the bits of the kernel of tfjs, whatever sizes, strides and padding', async () => {
  await tf.setBackend('cpu');
  const expected = CONVOLUTIONS.map(gradientOf);
  const own = tf.getKernel('Conv2DBackpropFilter', 'cpu').kernelFunc;
  speedUpFilterGradient(tf);
  speedUpFilterGradient(tf);
  assert.notEqual(tf.getKernel('Conv2DBackpropFilter', 'cpu').kernelFunc, own);
  const tensors = tf.memory().numTensors;
  assert.deepEqual(CONVOLUTIONS.map(gradientOf), expected);
  assert.equal(tf.memory().numTensors, tensors);
});
