import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import type { LstmConfig } from '../../shared/architectures/lstm.js';
import { LoptError } from '../../shared/errors.js';
import { initialPhi } from '../../shared/phi.js';
import { seedKey } from '../../shared/random.js';
import { cloneShard } from '../../worker/engines/clone-shard.js';
import { createReferenceEngine } from '../../worker/engines/tensor/reference-engine.js';
import { familyNamed, optionValues } from '../../worker/problems/registry.js';
import { bitsOf } from '../fixtures/bits.js';
import { STRATEGIES, strategy } from '../fixtures/evolution.js';

const NETWORK: LstmConfig = {
  type: 'lstm',
  layers: [2],
  preprocessing: 'log-and-sign',
  outputScale: 0.1,
  logAndSignP: 10,
};
const PHI = new Float32Array(initialPhi(NETWORK, seedKey(5)));
const EPISODE = { seed: 1, member: 0, shard: 0, episode: 0, problems: 2, horizon: 6 };

const family = familyNamed('quadratic');
const problems = await family.configure(optionValues(family, { dimension: 3 }));

describe('the particles of evolution strategies on a device', () => {
  for (const type of STRATEGIES) {
    it(`stay there between windows if they are not copied, and give the same bits: ${type}`, async () => {
      const tensors = tf.memory().numTensors;
      const engine = await createReferenceEngine({ problems, architecture: NETWORK });
      // scored on another part, which these problems do not have
      const estimator = strategy(type, 0.1, { split: 'held-out' });
      const estimates: Float32Array[][] = [];
      for (const resident of [false, true]) {
        let state = await estimator.begin(engine, PHI, EPISODE, { resident });
        const own: Float32Array[] = [];
        for (const window of [0, 1, 2]) {
          assert.equal(estimator.keep(state).length, resident && type !== 'es' ? 2 : 0);
          const estimate = await estimator.window(engine, PHI, state, { ...EPISODE, window, steps: 2 }, { resident });
          state = estimate.state;
          own.push(estimate.metaGradient);
        }
        for (const part of estimator.keep(state)) part.dispose();
        estimates.push(own);
      }
      const [handed, stayed] = estimates as [Float32Array[], Float32Array[]];
      handed.forEach((estimate, window) => {
        assert.ok(estimate.some((value) => value !== 0));
        assert.deepEqual(bitsOf(stayed[window]!), bitsOf(estimate), `window ${window}`);
      });
      engine.close();
      assert.equal(tf.memory().numTensors, tensors);
    });
  }

  it('cannot be copied there', async () => {
    const engine = await createReferenceEngine({ problems, architecture: NETWORK });
    const state = await engine.begin({ key: seedKey(1), count: 1, split: 'train', resident: true });
    const must = 'its state must be on the host, but is on a device';
    assert.throws(() => cloneShard(state), new LoptError(`Cannot copy a shard: ${must}`));
    state.device!.dispose();
    engine.close();
  });
});
