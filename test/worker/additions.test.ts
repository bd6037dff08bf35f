/**
 * What an addition costs: a second architecture and a second estimator, each of one file, are added to the registries and
 * train through everything that an ordinary run goes through. The two fixtures also widen the unions of configurations, so
 * that the compiler refuses code outside an architecture's folder that asks for the LSTM's options.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { trainOn } from '../../deploy/run/embedded.js';
import type { ArchitectureConfig } from '../../shared/architectures/architecture.js';
import { combinationFault } from '../../shared/combination.js';
import { digestOf, initialPhiOf, type RunConfig } from '../../shared/config.js';
import { configShape } from '../../shared/config-shape.js';
import { silentLogger } from '../../shared/logger.js';
import { readPhi, writePhi } from '../../shared/phi-file.js';
import { seedKey } from '../../shared/random.js';
import { ruleOf } from '../../worker/architectures/registry.js';
import { ENGINES } from '../../worker/engines/select.js';
import { createReferenceEngine } from '../../worker/engines/tensor/reference-engine.js';
import { LearnedOptimizer } from '../../worker/learned/learned-optimizer.js';
import { familyNamed, optionValues } from '../../worker/problems/registry.js';
import { relativeError } from '../contracts/engine.js';
import '../fixtures/forward-estimator.js';
import { temporaryFolder } from '../fixtures/folder.js';
import { InProcessPool } from '../fixtures/in-process-pool.js';
import { LoadedEngine } from '../fixtures/loaded-engine.js';
import '../fixtures/linear-rule.js';
import { NO_AUGMENTATION, PLAIN_BPTT, runConfig } from '../fixtures/run-config.js';

const LINEAR: ArchitectureConfig = { type: 'linear', decay: 0.5 };
const SMALL: ArchitectureConfig = {
  type: 'lstm',
  layers: [3],
  preprocessing: 'log-and-sign',
  outputScale: 0.1,
  logAndSignP: 10,
};
const RATES = Float32Array.of(0.02, 0.01);

const family = familyNamed('quadratic');
const options = optionValues(family, { dimension: 2, 'initial-scale': 1 });

function configOf(changes: Partial<RunConfig>): RunConfig {
  return runConfig({ problemOptions: options, engine: 'reference', evaluateEvery: 10, ...changes });
}

/** Trains in this thread, as `lopt train` does in others; φ and the scores of the first and the last evaluation. */
async function train(context: TestContext, config: RunConfig, rounds: number) {
  const scores: number[] = [];
  const { state } = await trainOn(new InProcessPool(), {
    folder: temporaryFolder(context),
    config,
    phi: initialPhiOf(config),
    goal: { rounds },
    logger: silentLogger,
    observer: { evaluated: (_round, { sum }) => void scores.push(sum.mean!) },
  });
  return { phi: new Float32Array(state.phi), first: scores[0]!, last: scores.at(-1)! };
}

describe('an added architecture', () => {
  it('computes on the reference engine what its definition says', async () => {
    const problems = await family.configure(options);
    const engine = new LoadedEngine(await createReferenceEngine({ problems, architecture: LINEAR }), RATES);
    const key = seedKey(1);
    const { theta, data } = problems.draw(key, 3, 'train');
    const gradientOf = problems.createGradient!();
    const step = ruleOf(LINEAR).definition(LINEAR);
    let state: Float64Array[] = [new Float64Array(6)];
    const gradient = new Float32Array(6);
    const losses = new Float64Array(3);
    const expected: number[] = [];
    for (let t = 0; t < 5; t++) {
      gradientOf(theta, { count: 3, data, key, split: 'train' }, t, gradient, losses);
      if (t > 0) expected.push(...losses);
      const next = step(Float64Array.from(RATES), { gradient: Float64Array.from(gradient) }, state);
      for (let i = 0; i < 6; i++) theta[i] = theta[i]! + next.updates[i]!;
      state = next.state;
    }
    const { losses: own } = await engine.window({ state: await engine.begin(key, 3, 'train'), steps: 4 });
    assert.ok(relativeError(own, expected) < 1e-5);
    engine.close();
  });

  it('trains, with and without second derivatives, to rates that go downhill', async (context) => {
    for (const secondDerivatives of [false, true]) {
      const estimator = { ...PLAIN_BPTT, secondDerivatives };
      const config = configOf({ architecture: LINEAR, estimator });
      assert.deepEqual(configShape(config, 'config'), config);
      const { phi, first, last } = await train(context, config, 40);
      assert.ok(phi[0]! > 0.02 && last < 0.8 * first, `rates ${phi}, score from ${first} to ${last}`);
    }
  });

  it('has φ files of its own, which LearnedOptimizer uses', async (context) => {
    const path = join(temporaryFolder(context), 'phi.safetensors');
    writePhi(path, LINEAR, RATES);
    const { architecture, phi } = readPhi(path);
    assert.deepEqual([architecture, phi], [LINEAR, RATES]);
    const optimizer = await LearnedOptimizer.load(path, { compute: 'tensors' });
    const variable = tf.variable(tf.tensor1d([1, 2]));
    optimizer.applyGradients({ [variable.name]: tf.tensor1d([1, -2]) });
    // m = ∇/2 after the first step
    const rate = RATES[0]! + RATES[1]! / 2;
    assert.ok(relativeError(variable.dataSync(), [1 - rate, 2 + 2 * rate]) < 1e-6);
    optimizer.dispose();
    variable.dispose();
  });

  it('is refused in a sentence by an engine that has no kernel for it', () => {
    const config = configOf({ architecture: LINEAR });
    assert.equal(combinationFault(config, ENGINES.get('reference')), undefined);
    assert.equal(combinationFault(config, ENGINES.get('wasm')), 'engine wasm cannot compute architecture linear');
  });
});

describe('an added estimator', () => {
  const forward = { type: 'forward', sigma: 0.01 } as const;

  it('trains by forward windows alone, to the same bits when its run is repeated', async (context) => {
    const config = configOf({ architecture: LINEAR, estimator: forward });
    assert.deepEqual(configShape(config, 'config'), config);
    const { phi, first, last } = await train(context, config, 60);
    assert.ok(last < 0.9 * first, `score from ${first} to ${last}`);
    assert.deepEqual((await train(context, config, 60)).phi, phi);
    // and is part of what is trained
    assert.notEqual(digestOf(config), digestOf(configOf({ architecture: LINEAR })));
  });

  it('needs no engine that goes backward', () => {
    const forwardOnly = { name: 'simple', backward: false };
    assert.equal(combinationFault({ architecture: SMALL, estimator: forward }, forwardOnly), undefined);
    const augmentation = { ...NO_AUGMENTATION, lossScale: 1 };
    assert.equal(combinationFault({ architecture: SMALL, estimator: forward, augmentation }), undefined);
    assert.equal(
      combinationFault({ architecture: SMALL, estimator: PLAIN_BPTT }, forwardOnly),
      'engine simple cannot go backward through a window, which estimator bptt needs',
    );
  });
});
