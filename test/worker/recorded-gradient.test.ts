import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type * as tfjs from '@tensorflow/tfjs';
import { fillNormal, seedKey } from '../../shared/random.js';
import { useBackend } from '../../worker/devices/backend.js';
import { loadWebGpu } from '../../worker/devices/webgpu/load.js';
import { RecordedGradient } from '../../worker/engines/tensor/webgpu/recorded-gradient.js';
import { createWebGpuEngine } from '../../worker/engines/tensor/webgpu/webgpu-engine.js';
import { differentiate, type TensorSlopes } from '../../worker/problems/derivatives/tensor-gradient.js';
import type { Batch, Problems, Split, Tf } from '../../worker/problems/problem.js';
import { dataTensor, streamKey } from '../../worker/problems/public.js';
import { familyNamed, optionValues } from '../../worker/problems/registry.js';
import { scaleProblems } from '../../worker/training/scaled-problems.js';
import { somePhi } from '../contracts/engine.js';
import { LoadedEngine } from '../fixtures/loaded-engine.js';
import { webGpuMissing } from '../fixtures/swiftshader.js';

const skip = (await webGpuMissing()) ?? false;

const FAMILIES: readonly (readonly [string, Record<string, unknown>])[] = [
  ['simple', {}],
  ['quadratic', { dimension: 7, 'initial-scale': 1 }],
  ['lasso', { dimension: 6, rows: 3, nonzero: 2, 'initial-scale': 1 }],
  ['rastrigin', { dimension: 3 }],
  ['rosenbrock', { dimension: 3, 'initial-scale': 1 }],
  ['logistic', { dimension: 3, examples: 5 }],
];

async function configure(name: string, options: Record<string, unknown>): Promise<Problems> {
  const family = familyNamed(name);
  return family.configure(optionValues(family, options));
}

/** f(θ) = Σ_i (θ_{c(i)} − a_i)², with one coordinate twice: the gradient adds to zeros where the others' is written. */
const CHOSEN = [4, 0, 2, 4];
const chosen: Problems = {
  coordinates: 5,
  stationary: true,
  draw(key, count) {
    const theta = new Float32Array(5 * count);
    const data = new Float32Array(CHOSEN.length * count);
    for (let p = 0; p < count; p++) {
      fillNormal(streamKey(key, 'data', p), data.subarray(p * CHOSEN.length, (p + 1) * CHOSEN.length));
    }
    return { theta, data };
  },
  loss(tf, theta, batch) {
    const own = tf.gather(theta, tf.tensor1d(CHOSEN, 'int32'), 1);
    return tf.sum(tf.square(tf.sub(own, dataTensor(tf, batch))), 1);
  },
};

/** Every case: its name, and how its problems are made. */
const CASES: readonly (readonly [string, () => Promise<Problems>])[] = [
  ...FAMILIES.map(([family, options]) => [family, () => configure(family, options)] as const),
  ['tf.gather', async () => chosen],
];

/** A product of as many terms as the backend would take apart, for one problem. */
const LONG_SUMS = ['lasso', { dimension: 2000, rows: 200, 'initial-scale': 1 }] as const;

interface Case {
  batch: Batch;
  theta: tfjs.Tensor1D;
}

/** Problems on the device, at a point of their own. */
function draw(tf: Tf, problems: Problems, seed: number, count: number, split: Split): Case {
  const key = seedKey(seed);
  const { theta, data } = problems.draw(key, count, split);
  const point = new Float32Array(theta.length);
  fillNormal(key, point);
  const tensor = data.length === 0 ? {} : { tensor: tf.tensor2d(data.slice(), [count, data.length / count]) };
  return { batch: { count, data, key, split, ...tensor }, theta: tf.tensor1d(point) };
}

async function valuesOf({ losses, gradient }: TensorSlopes): Promise<unknown> {
  const values = { losses: await losses.data(), gradient: await gradient.data() };
  losses.dispose();
  gradient.dispose();
  return values;
}

describe('RecordedGradient', { skip }, () => {
  const repeated: [string, number, () => Promise<Problems>][] = [
    ...CASES.map(([name, make]): [string, number, typeof make] => [name, 3, make]),
    ['lasso of 2000 coordinates', 1, () => configure(...LONG_SUMS)],
  ];
  for (const [name, count, make] of repeated) {
    it(`gives the bits of the operations themselves at one point after the other: ${name}`, async () => {
      const { tf, device } = await loadWebGpu();
      useBackend(tf, 'webgpu');
      const problems = await make();
      const tensors = tf.memory().numTensors;
      const recorded = new RecordedGradient({ tf, device, problems });
      const { batch, theta: first } = draw(tf, problems, 1, count, 'train');
      const points = [first, tf.neg<tfjs.Tensor1D>(first), tf.mul<tfjs.Tensor1D>(first, 0.5), first];
      const expected = [];
      for (const theta of points) expected.push(await valuesOf(differentiate(tf, problems)(theta, batch, 0)));
      assert.notDeepEqual(expected[1], expected[0]);
      for (const [i, theta] of points.entries()) {
        assert.deepEqual(await valuesOf(recorded.compute(theta, batch)), expected[i], `point ${i}`);
      }
      recorded.close();
      assert.equal(recorded.bufferCount, 0);
      tf.dispose([points, ...(batch.tensor ? [batch.tensor] : [])]);
      assert.equal(tf.memory().numTensors, tensors);
    });
  }

  for (const [name, make] of CASES) {
    const scaled = { coordinateScale: 1, problemScale: 0.1, tensorScale: 0.1, lossScale: 0.5 };
    for (const scaling of [undefined, scaled]) {
      it(`gives them for shards and shapes by turns: ${name}${scaling ? ', scaled' : ''}`, async () => {
        const { tf, device } = await loadWebGpu();
        useBackend(tf, 'webgpu');
        const plain = await make();
        const problems = scaling ? scaleProblems(plain, scaling) : plain;
        assert.equal(problems.stationary, true);
        const tensors = tf.memory().numTensors;
        const recorded = new RecordedGradient({ tf, device, problems });
        const shapes: [count: number, split: Split][] = [
          [3, 'train'],
          [3, 'train'],
          [3, 'held-out'],
          [2, 'train'],
          [4, 'train'],
        ];
        const cases = shapes.map(([count, split], seed) => draw(tf, problems, seed, count, split));
        const expected = [];
        for (const { theta, batch } of cases)
          expected.push(await valuesOf(differentiate(tf, problems)(theta, batch, 0)));
        let held = 0;
        // shards by turns; more shapes than are kept
        for (let turn = 0; turn < 3; turn++) {
          for (const [i, { theta, batch }] of cases.entries()) {
            assert.deepEqual(await valuesOf(recorded.compute(theta, batch)), expected[i]);
          }
          if (turn === 0) held = recorded.bufferCount;
          assert.equal(recorded.bufferCount, held);
        }
        recorded.close();
        assert.equal(recorded.bufferCount, 0);
        for (const { theta, batch } of cases) tf.dispose([theta, ...(batch.tensor ? [batch.tensor] : [])]);
        assert.equal(tf.memory().numTensors, tensors);
      });
    }
  }

  it('says what a loss reads that is called stationary and is not, and goes on', async () => {
    const { tf, device } = await loadWebGpu();
    useBackend(tf, 'webgpu');
    const problems = await configure('quadratic', { dimension: 2, 'initial-scale': 1 });
    const tensors = tf.memory().numTensors;
    const { theta, batch } = draw(tf, problems, 1, 2, 'train');
    const bad: Problems = {
      ...problems,
      loss: (_tf, point, { data, count }) => tf.sum(tf.mul(point, tf.tensor2d(data, [count, data.length / count])), 1),
    };
    const refused = new RecordedGradient({ tf, device, problems: bad });
    assert.throws(() => refused.compute(theta, batch), {
      name: 'LoptError',
      message:
        'Cannot compute the loss of stationary problems: it must read their data only through dataTensor(), got a use of "data"',
    });
    assert.equal(refused.bufferCount, 0);
    refused.close();
    const recorded = new RecordedGradient({ tf, device, problems });
    const expected = await valuesOf(differentiate(tf, problems)(theta, batch, 0));
    assert.deepEqual(await valuesOf(recorded.compute(theta, batch)), expected);
    recorded.close();
    tf.dispose([theta, batch.tensor!]);
    assert.equal(tf.memory().numTensors, tensors);
  });
});

describe('createWebGpuEngine()', { skip }, () => {
  it('window() makes no buffer once there was one of its kind', async (context) => {
    const architecture = {
      type: 'lstm',
      layers: [4],
      preprocessing: 'log-and-sign',
      outputScale: 0.1,
      logAndSignP: 10,
    } as const;
    for (const [family, options] of FAMILIES) {
      const made = await createWebGpuEngine({ problems: await configure(family, options), architecture });
      const engine = new LoadedEngine(made, somePhi(architecture));
      const { device } = await loadWebGpu();
      let state = await engine.begin(seedKey(2), 3, 'train', true);
      const buffers = context.mock.method(device, 'createBuffer');
      const counts: number[] = [];
      for (let window = 0; window < 4; window++) {
        buffers.mock.resetCalls();
        state = (await engine.window({ state, steps: 3, resident: true })).state;
        counts.push(buffers.mock.callCount());
      }
      buffers.mock.restore();
      assert.deepEqual(counts.slice(2), [0, 0], family);
      state.device!.dispose();
      engine.close();
    }
  });
});
