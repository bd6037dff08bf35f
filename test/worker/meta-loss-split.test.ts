import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LstmConfig } from '../../shared/architectures/lstm.js';
import { initialPhi } from '../../shared/phi.js';
import { seedKey } from '../../shared/random.js';
import { cloneShard } from '../../worker/engines/clone-shard.js';
import type { Engine, ShardState } from '../../worker/engines/engine.js';
import { createWasmEngine } from '../../worker/engines/host/kernel-engine.js';
import { batchOf } from '../../worker/engines/shard.js';
import { createReferenceEngine } from '../../worker/engines/tensor/reference-engine.js';
import type { Gradient, Problems } from '../../worker/problems/problem.js';
import { familyNamed, optionValues } from '../../worker/problems/registry.js';
import { scaleGradient, scaleProblems } from '../../worker/training/scaled-problems.js';
import { relativeError } from '../contracts/engine.js';
import { bitsOf } from '../fixtures/bits.js';
import { NO_AUGMENTATION } from '../fixtures/run-config.js';

const NETWORK: LstmConfig = {
  type: 'lstm',
  layers: [2],
  preprocessing: 'log-and-sign',
  outputScale: 0.1,
  logAndSignP: 10,
};
const SCALING = { ...NO_AUGMENTATION, coordinateScale: 1 };
const PHI = Float32Array.from(initialPhi(NETWORK, seedKey(5)), (value) => 2 * value);
const COUNT = 2;
const STEPS = 3;

const family = familyNamed('mlp');
const PROBLEMS = await family.configure(optionValues(family, { hidden: 2, batch: 16 }));

/** Problems with one coordinate each, f(θ) = θ², but NaN for problem 1 on the data to score on. */
const SPOILT: Problems = {
  coordinates: 1,
  draw: (_key, count) => ({ theta: new Float32Array(count).fill(1), data: new Float32Array(0) }),
  loss: (tf, theta, { part }) => {
    const spoil = tf.tensor1d([0, part === 'outer' ? Number.NaN : 0]);
    return tf.add(tf.sum(tf.square(theta), 1), spoil);
  },
};

const spoilt: Gradient = (theta, { part, count }, _step, gradient, losses) => {
  for (let p = 0; p < count; p++) {
    gradient[p] = 2 * theta[p]!;
    losses[p] = p === 1 && part === 'outer' ? Number.NaN : theta[p]! ** 2;
  }
};

type Create = (problems: Problems, gradient: Gradient) => Promise<Engine>;

const ENGINES: [name: string, create: Create, tolerance: number][] = [
  ['wasm', (problems, gradient) => createWasmEngine({ problems, architecture: NETWORK, gradient }), 0],
  ['reference', (problems) => createReferenceEngine({ problems, architecture: NETWORK }), 1e-5],
];

const CASES: [name: string, problems: Problems, gradient: Gradient][] = [
  ['a network on MNIST', PROBLEMS, PROBLEMS.createGradient!()],
  [
    'the same with scaled coordinates',
    scaleProblems(PROBLEMS, SCALING),
    scaleGradient(PROBLEMS.createGradient!(), SCALING),
  ],
];

/** f_t of a shard on a part of the training data, [P]. */
function lossesOn(gradient: Gradient, state: ShardState, part: 'inner' | 'outer'): Float64Array {
  const losses = new Float64Array(state.count);
  gradient(state.theta, { ...batchOf(state), part }, state.step, new Float32Array(state.theta.length), losses);
  return losses;
}

describe('a window that is scored on other data than its gradients are taken on', () => {
  for (const [engineName, create, tolerance] of ENGINES) {
    for (const [name, problems, gradient] of CASES) {
      it(`scores every θ_t there, and goes where it goes without: ${engineName}, ${name}`, async () => {
        const engine = await create(problems, gradient);
        const request = { key: seedKey(3), count: COUNT, split: 'train' } as const;
        const start = await engine.begin({ ...request, part: 'inner' });
        assert.ok(relativeError(start.initialLosses, lossesOn(gradient, start, 'inner')) <= tolerance);
        const inner: number[] = [];
        const outer: number[] = [];
        let walk = cloneShard(start);
        for (let s = 0; s < STEPS; s++) {
          walk = (await engine.window({ phi: PHI, state: walk, steps: 1, forwardOnly: true })).state;
          inner.push(...lossesOn(gradient, walk, 'inner'));
          outer.push(...lossesOn(gradient, walk, 'outer'));
        }
        const window = { phi: PHI, steps: STEPS, forwardOnly: true } as const;
        const { state, losses, scores } = await engine.window({ ...window, state: start, scorePart: 'outer' });
        assert.ok(relativeError(losses, inner) <= tolerance, 'losses');
        assert.ok(relativeError(scores!, outer) <= tolerance, 'scores');
        assert.ok(relativeError(inner, outer) > 1e-3, `${inner} and ${outer}`);
        assert.deepEqual(bitsOf(state.theta), bitsOf(walk.theta));
        // all of the training data is another matter again
        const whole = await engine.begin(request);
        assert.ok(relativeError(whole.initialLosses, start.initialLosses) > 1e-4);
        engine.close();
      });
    }

    it(`calls a problem bad that is bad where it is scored: ${engineName}`, async () => {
      const engine = await create(SPOILT, spoilt);
      const state = await engine.begin({ key: seedKey(3), count: COUNT, split: 'train', part: 'inner' });
      assert.deepEqual([...state.healthy], [1, 1]);
      const after = await engine.window({ phi: PHI, state, steps: 2, forwardOnly: true, scorePart: 'outer' });
      assert.deepEqual([...after.state.healthy], [1, 0]);
      assert.equal(after.state.theta[1], 0);
      assert.ok(after.state.theta[0] !== 0);
      engine.close();
    });
  }
});
