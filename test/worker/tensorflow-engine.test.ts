import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LstmConfig } from '../../shared/architectures/lstm.js';
import { seedKey } from '../../shared/random.js';
import { createFusedLstm } from '../../worker/architectures/lstm/tensorflow/fused-lstm.js';
import { useBackend } from '../../worker/devices/backend.js';
import { loadingFault, loadTensorflow, mendUtilities } from '../../worker/devices/tensorflow/load.js';
import { TensorEngine } from '../../worker/engines/tensor/tensor-engine.js';
import type { Tf } from '../../worker/problems/problem.js';
import { familyNamed, optionValues } from '../../worker/problems/registry.js';
import { relativeError, somePhi } from '../contracts/engine.js';
import { testTensorEngine } from '../contracts/tensor-engine.js';
import { LoadedEngine } from '../fixtures/loaded-engine.js';
import { tensorflowMissing } from '../fixtures/tensorflow.js';

const skip = tensorflowMissing();

async function load(): Promise<Tf> {
  const { tf } = await loadTensorflow();
  useBackend(tf, 'tensorflow');
  return tf;
}

testTensorEngine({
  name: 'tensorflow',
  skip,
  load,
  kernel: (tf, architecture) => createFusedLstm({ tf, network: architecture }),
});
testTensorEngine({
  name: 'tensorflow replaying',
  skip,
  load,
  kernel: (tf, architecture) => createFusedLstm({ tf, network: architecture, recordBudget: 0 }),
});

describe('createFusedLstm()', { skip: skip ?? false }, () => {
  it('metaGradient() is the same up to rounding whether activations are kept, replayed whole or in slices', async () => {
    const architecture: LstmConfig = {
      type: 'lstm',
      layers: [5, 4],
      preprocessing: 'log-and-sign',
      outputScale: 0.1,
      logAndSignP: 10,
    };
    const family = familyNamed('quadratic');
    const problems = await family.configure(optionValues(family, { dimension: 13, 'initial-scale': 1 }));
    const tf = await load();
    const gradients: Float32Array[] = [];
    // numbers of a coordinate's window: 4 steps of 2 + 7·9
    for (const recordBudget of [2 ** 30, 4 * 4 * 65 * 4 * 10, 0]) {
      const kernel = createFusedLstm({ tf, network: architecture, recordBudget });
      const made = new TensorEngine({ tf, name: 'tensorflow', problems, architecture, kernel });
      const engine = new LoadedEngine(made, somePhi(architecture));
      const state = await engine.begin(seedKey(2), 3, 'train');
      gradients.push((await engine.window({ state, steps: 4 })).metaGradient);
      engine.close();
    }
    for (const gradient of gradients.slice(1)) assert.ok(relativeError(gradient, gradients[0]!) < 1e-6);
  });
});

describe('loadTensorflow()', () => {
  it('loadingFault() says in one sentence what is to be done', () => {
    const missing = Object.assign(new Error("Cannot find module '@tensorflow/tfjs-node-gpu'\nRequire stack:\n- a"), {
      code: 'MODULE_NOT_FOUND',
    });
    const faults: [Error, RegExp][] = [
      [missing, /must be installed \("npm install @tensorflow\/tfjs-node-gpu@4", which downloads TensorFlow\)/],
      [new Error('libtensorflow.so.2: cannot open shared object file'), /"npm rebuild .*libtensorflow\.so\.2/],
      [
        new Error('libcudart.so.11.0: cannot open shared object file'),
        /CUDA 11 and cuDNN 8 must be .*libcudart\.so\.11/,
      ],
      [new Error('The Node.js native addon module (tfjs_binding.node) can not be found'), /"npm rebuild /],
      [new Error('Module did not self-register'), /must load in Node v\d+.*Module did not self-register/],
    ];
    for (const [cause, expected] of faults) {
      const sentence = loadingFault(cause);
      assert.match(sentence, expected);
      assert.match(sentence, /^Cannot load engine "tensorflow": [^\n]*$/);
    }
  });

  it('mendUtilities() gives newer versions of Node what tfjs-node calls, and leaves the others alone', () => {
    const own = () => true;
    const util: Record<string, unknown> = { isArray: own };
    mendUtilities(util);
    const missing = util['isNullOrUndefined'] as (value: unknown) => boolean;
    assert.deepEqual([undefined, null, 0, ''].map(missing), [true, true, false, false]);
    assert.equal(util['isArray'], own);
  });
});
