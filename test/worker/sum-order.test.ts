import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type * as tfjs from '@tensorflow/tfjs';
import { fillNormal, seedKey } from '../../shared/random.js';
import { useBackend } from '../../worker/devices/backend.js';
import { loadWebGpu } from '../../worker/devices/webgpu/load.js';
import type { Tf } from '../../worker/problems/problem.js';
import { webGpuMissing } from '../fixtures/swiftshader.js';

const skip = (await webGpuMissing()) ?? false;

/** As much of a program of tfjs-backend-webgpu as is looked at here. */
interface Program {
  shaderKey: string;
  atomic?: boolean;
}

/** Normal numbers, so scaled that sums of `terms` products have the variance 1. */
function tensor(tf: Tf, shape: number[], terms: number): tfjs.Tensor {
  const values = new Float32Array(shape.reduce((size, length) => size * length, 1));
  fillNormal(seedKey(values.length), values, 0, terms ** -0.25);
  return tf.tensor(values, shape);
}

type Operation = (tf: Tf) => tfjs.Tensor;

const product =
  (a: number[], b: number[], transposeA = false, transposeB = false): Operation =>
  (tf) => {
    const terms = a.at(transposeA ? -2 : -1)!;
    return tf.matMul(tensor(tf, a, terms), tensor(tf, b, terms), transposeA, transposeB);
  };

const convolution =
  (x: number[], filter: number[], pad: 'same' | 'valid'): Operation =>
  (tf) => {
    const terms = filter[0]! * filter[1]! * filter[2]!;
    return tf.conv2d(tensor(tf, x, terms) as tfjs.Tensor4D, tensor(tf, filter, terms) as tfjs.Tensor4D, 1, pad);
  };

const fused: Operation = (tf) =>
  tf.fused.matMul({
    a: tensor(tf, [64, 3072], 3072),
    b: tensor(tf, [3072, 20], 3072),
    bias: tensor(tf, [20], 1),
    activation: 'relu',
  });

/** What it computes on the GPU, and the programs that it took. */
async function computeOnGpu(context: TestContext, compute: Operation) {
  const { tf } = await loadWebGpu();
  useBackend(tf, 'webgpu');
  const backend = tf.backend() as unknown as { runWebGPUProgram(program: Program, ...rest: unknown[]): unknown };
  const run = context.mock.method(backend, 'runWebGPUProgram');
  const result = tf.tidy(() => compute(tf));
  const programs = run.mock.calls.map((call) => call.arguments[0]);
  run.mock.restore();
  const values = await result.data();
  result.dispose();
  return { values, programs };
}

describe('keepSumOrder()', { skip }, () => {
  const long: Readonly<Record<string, Operation>> = {
    'a product': product([64, 3072], [3072, 20]),
    'a product of one matrix of a stack': product([1, 64, 3072], [1, 3072, 20]),
    'a product with a vector': product([1, 200, 2000], [1, 2000, 1]),
    'a product of transposed matrices': product([2000, 30], [7, 2000], true, true),
    'a product with bias and activation': fused,
    'a convolution by filters as large as images': convolution([20, 5, 5, 100], [5, 5, 100, 12], 'valid'),
    'a convolution by filters of one pixel': convolution([1, 5, 6, 2048], [1, 1, 2048, 8], 'same'),
    'a convolution of one image': convolution([1, 6, 6, 256], [3, 3, 256, 5], 'same'),
  };
  for (const [name, compute] of Object.entries(long)) {
    it(`adds nothing in an order that nobody knows, and agrees with the CPU within 1e-5: ${name}`, async (context) => {
      const { values, programs } = await computeOnGpu(context, compute);
      assert.ok(programs.length > 0);
      assert.deepEqual(
        programs.filter(({ atomic }) => atomic).map(({ shaderKey }) => shaderKey),
        [],
      );
      const { tf } = await loadWebGpu();
      useBackend(tf, 'cpu');
      const expected = tf.tidy(() => compute(tf).dataSync());
      assert.equal(values.length, expected.length);
      values.forEach((value, i) => {
        assert.ok(Math.abs(value - expected[i]!) <= 1e-5, `${i}: ${value}, ${expected[i]}`);
      });
    });
  }

  const others: readonly [string, Operation, RegExp][] = [
    ['few results', product([8, 3072], [3072, 4]), /^matMulReduce_/],
    ['short sums', product([64, 100], [100, 20]), /^matMulSmallOutputSize_/],
    ['many matrices', product([3, 64, 3072], [3, 3072, 20]), /^matMulSmallOutputSize_/],
    ['many results', product([256, 2000], [2000, 200]), /^matMulPacked/],
  ];
  for (const [name, compute, program] of others) {
    it(`leaves other products as they are: ${name}`, async (context) => {
      const { programs } = await computeOnGpu(context, compute);
      assert.deepEqual(programs.filter(({ shaderKey }) => program.test(shaderKey)).length, 1);
    });
  }
});
