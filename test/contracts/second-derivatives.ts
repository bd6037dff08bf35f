/** What every engine must do that keeps second derivatives; run on each implementation. */

import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { LstmConfig } from '../../shared/architectures/lstm.js';
import { phiLength } from '../../shared/phi.js';
import { fillNormal, type Key, seedKey } from '../../shared/random.js';
import { lstmStep, zeroLstmState } from '../../worker/architectures/lstm/definition.js';
import { cloneShard } from '../../worker/engines/clone-shard.js';
import type { Engine, ShardState } from '../../worker/engines/engine.js';
import type { Problems } from '../../worker/problems/problem.js';
import { familyNamed, optionValues } from '../../worker/problems/registry.js';
import { LoadedEngine } from '../fixtures/loaded-engine.js';
import { relativeError } from './engine.js';

const KEY: Key = seedKey(1606);

/** What the engine is asked to differentiate, in float64: Σ_t w_t f_t(θ_t(φ)) + Σ_s <g_s(φ), extra_s> of a quadratic. */
function trueLoss(
  architecture: LstmConfig,
  start: ShardState,
  weights: Float32Array,
  extra: Float32Array,
  phi: Float64Array,
): number {
  const theta = Float64Array.from(start.theta);
  const n = theta.length;
  const d = n / start.count;
  let gradient = Float64Array.from(start.gradient);
  let state = zeroLstmState(architecture, n);
  let loss = 0;
  weights.forEach((weight, s) => {
    const step = lstmStep(architecture, phi, gradient, state);
    state = step.state;
    gradient = new Float64Array(n);
    step.updates.forEach((update, i) => {
      theta[i]! += update;
      loss += update * extra[s * n + i]!;
    });
    for (let p = 0; p < start.count; p++) {
      const own = start.data.subarray(p * (d * d + d), (p + 1) * (d * d + d));
      for (let i = 0; i < d; i++) {
        let r = -own[d * d + i]!;
        for (let j = 0; j < d; j++) r += own[i * d + j]! * theta[p * d + j]!;
        loss += weight * r * r;
        for (let j = 0; j < d; j++) gradient[p * d + j]! += 2 * own[i * d + j]! * r;
      }
    }
  });
  return loss;
}

/** An engine of these problems, with or without second derivatives. */
export type MakeEngine = (options: {
  problems: Problems;
  architecture: LstmConfig;
  secondDerivatives: boolean;
}) => Promise<Engine>;

/** The contract. */
export function testTrueGradient(makeEngine: MakeEngine): void {
  const inputs = [
    ['none', 10],
    ['log-and-sign', 10],
    ['log-and-sign', 5],
  ] as const;
  for (const [preprocessing, logAndSignP] of inputs) {
    it(`window() gives dφ of the true loss, by finite differences in float64: ${preprocessing}, p ${logAndSignP}`, async () => {
      const architecture: LstmConfig = { type: 'lstm', layers: [4, 3], preprocessing, outputScale: 0.5, logAndSignP };
      const family = familyNamed('quadratic');
      const problems = await family.configure(optionValues(family, { dimension: 3, 'initial-scale': 1 }));
      const phi = new Float32Array(phiLength(architecture));
      fillNormal(seedKey(4474), phi, 0, 0.8);
      const lossWeights = Float32Array.of(1, 0.5, 2, 1, 1, 0.25, 1.5);
      const steps = lossWeights.length;
      const updateGradient = new Float32Array(steps * 6);
      fillNormal(seedKey(3), updateGradient);

      const gradients = new Map<boolean, Float32Array>();
      let start: ShardState | undefined;
      for (const secondDerivatives of [true, false]) {
        const engine = new LoadedEngine(await makeEngine({ problems, architecture, secondDerivatives }), phi);
        const state = await engine.begin(KEY, 2, 'train');
        start = cloneShard(state);
        const result = await engine.window({ state, steps, lossWeights, updateGradient });
        gradients.set(secondDerivatives, result.metaGradient);
        engine.close();
      }
      const expected = Float64Array.from(phi, (_, i) => {
        const [above, below] = [1e-5, -1e-5].map((epsilon) => {
          const moved = Float64Array.from(phi);
          moved[i]! += epsilon;
          return trueLoss(architecture, start!, lossWeights, updateGradient, moved);
        }) as [number, number];
        return (above - below) / 2e-5;
      });
      const error = relativeError(gradients.get(true)!, expected);
      assert.ok(error < 1e-5, `${error}`);
      const dropped = relativeError(gradients.get(false)!, expected);
      assert.ok(dropped > 1e-3, `without second derivatives: ${dropped}`);
    });
  }
}
