import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { MlpConfig } from '../../shared/architectures/mlp.js';
import { initialPhi } from '../../shared/phi.js';
import { seedKey } from '../../shared/random.js';
import { createWasmEngine } from '../../worker/engines/host/kernel-engine.js';
import { toldHorizon } from '../../worker/episode.js';
import type { Particle } from '../../worker/estimators/particles.js';
import { createEstimator } from '../../worker/estimators/registry.js';
import { familyNamed, optionValues } from '../../worker/problems/registry.js';

describe('toldHorizon()', () => {
  it('is 0 in the given share of the episodes, and otherwise the horizon', () => {
    const config = { seed: 3, member: 0, unknownHorizon: 0.3 };
    const told = Array.from({ length: 4000 }, (_, episode) => toldHorizon(config, 1, { episode, horizon: 50 }));
    assert.deepEqual([...new Set(told)].sort(), [0, 50]);
    const share = told.filter((horizon) => horizon === 0).length / told.length;
    // five standard deviations
    assert.ok(Math.abs(share - 0.3) < 5 * Math.sqrt((0.3 * 0.7) / 4000), `${share}`);
    const never = { ...config, unknownHorizon: 0 };
    assert.ok(told.every((_, episode) => toldHorizon(never, 1, { episode, horizon: 50 }) === 50));
  });

  it('reaches the learned optimizer, which takes other steps without it', async () => {
    const family = familyNamed('quadratic');
    const problems = await family.configure(optionValues(family, { dimension: 4, 'initial-scale': 1 }));
    const architecture: MlpConfig = {
      type: 'mlp',
      rule: 'general',
      units: [8],
      stepScale: 1,
      schedule: 'own',
      orthogonalise: false,
    };
    const engine = await createWasmEngine({ problems, architecture, gradient: problems.createGradient!() });
    const metaLoss = { reduction: 'mean', split: 'train', clip: 0 } as const;
    const estimator = createEstimator({ type: 'es', sigma: 0.01, metaLoss });
    const phi = new Float32Array(initialPhi(architecture, seedKey(1)));
    const after = async (told: { told?: number }) => {
      const episode = { seed: 1, member: 0, shard: 0, episode: 0, problems: 1, horizon: 10, ...told };
      const state = await estimator.begin(engine, phi, episode);
      const place = { ...episode, window: 0, steps: 3 };
      const next = await estimator.window(engine, phi, state, place, { metaGradient: false });
      return [...(next.state as Particle).shard.theta];
    };
    assert.deepEqual(await after({ told: 10 }), await after({}));
    assert.notDeepEqual(await after({ told: 0 }), await after({}));
    engine.close();
  });
});
