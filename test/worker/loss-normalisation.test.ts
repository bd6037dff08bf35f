import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LstmConfig } from '../../shared/architectures/lstm.js';
import { combinationFault } from '../../shared/combination.js';
import { initialPhi } from '../../shared/phi.js';
import { seedKey } from '../../shared/random.js';
import { createWasmEngine } from '../../worker/engines/host/kernel-engine.js';
import { normaliseLosses } from '../../worker/engines/loss-normalisation.js';
import { sumLosses, type WindowSums } from '../../worker/engines/shard.js';
import { noLosses, sumMetaLosses } from '../../worker/estimators/meta-loss.js';
import type { Gradient, LossNormalisation } from '../../worker/problems/problem.js';
import { familyFor, optionValues } from '../../worker/problems/registry.js';
import { NETWORK } from '../fixtures/learned.js';
import { LoadedEngine } from '../fixtures/loaded-engine.js';
import { PLAIN_BPTT } from '../fixtures/run-config.js';

const KINDS: readonly LossNormalisation[] = ['initial', 'log'];

/** The mix of one family alone, normalised. */
async function mixOf(family: string, normalise: string) {
  const mix = familyFor('mix', { families: family });
  const { mixture } = await mix.configure(optionValues(mix, { families: family, normalise }));
  return mixture!.components[0]!;
}

/** The sums of two windows of a mix of one family whose losses, but not gradients, are so many times as large. */
async function sumsOf(normalise: string, factor: number, weights?: Float32Array) {
  const windows = await windowsOf(normalise, factor);
  return windows.map(({ state, losses }) => sumLosses(state, losses, weights));
}

async function windowOf(normalise: string, factor: number) {
  return (await windowsOf(normalise, factor))[1]!;
}

async function windowsOf(normalise: string, factor: number) {
  const problems = await mixOf('quadratic', normalise);
  const gradientOf = problems.createGradient!();
  const gradient: Gradient = (theta, batch, step, slopes, losses) => {
    gradientOf(theta, batch, step, slopes, losses);
    for (let p = 0; p < losses.length; p++) losses[p]! *= factor;
  };
  const architecture: LstmConfig = NETWORK;
  const phi = Float32Array.from(initialPhi(architecture, seedKey(3)), (value) => 3 * value);
  const engine = new LoadedEngine(await createWasmEngine({ problems, architecture, gradient }), phi);
  const first = await engine.window({ state: await engine.begin(seedKey(1), 5, 'train'), steps: 4 });
  const second = await engine.window({ state: first.state, steps: 4 });
  engine.close();
  return [first, second];
}

function assertClose(found: number, expected: number): void {
  assert.ok(Math.abs(found - expected) <= 1e-12 * Math.abs(expected), `${found} for ${expected}`);
}

describe('normaliseLosses()', () => {
  it('gives f over f(θ_0) of every problem, or its logarithm', () => {
    const losses = Float64Array.of(2, 30, 1, 5, 4, 0);
    const initial = Float64Array.of(4, 10, -2);
    assert.deepEqual([...normaliseLosses(losses, initial, 'initial')], [0.5, 3, 0.5, 1.25, 0.4, 0]);
    const logs = normaliseLosses(losses, initial, 'log');
    [0.5, 3, 0.5, 1.25, 0.4].forEach((share, i) => {
      assert.ok(Math.abs(logs[i]! - Math.log(share)) < 1e-7);
    });
    assertClose(logs[5]!, Math.log(1e-8 / (1 + 1e-8)));
  });

  it('is finite and monotone from 0 on, also if f(θ_0) is 0', () => {
    for (const kind of KINDS) {
      for (const initial of [0, 1e-30, 7]) {
        const losses = Float64Array.of(0, 1e-40, 1e-9, 1, 1e20);
        const values = [...normaliseLosses(losses, Float64Array.of(initial), kind)];
        assert.ok(values.every((value, i) => Number.isFinite(value) && (i === 0 || value >= values[i - 1]!)));
      }
    }
  });
});

describe('sumLosses() of a normalised mix', () => {
  for (const kind of KINDS) {
    for (const weights of [undefined, Float32Array.of(1, 0, 2, 0.5)]) {
      it(`is the same for a family times 1 000: ${kind}${weights ? ', weighted' : ''}`, async () => {
        const [own, large] = [await sumsOf(kind, 1, weights), await sumsOf(kind, 1000, weights)];
        for (const [window, sums] of own.entries()) {
          assert.equal(sums.healthy, 5);
          assertClose(large[window]!.loss, sums.loss);
          assertClose(large[window]!.finalLoss, sums.finalLoss);
        }
        assert.notEqual(own[0]!.loss, own[1]!.loss);
      });
    }
  }

  it('is the same in the meta-losses of evolution strategies, however they are reduced and clipped', async () => {
    for (const kind of KINDS) {
      const [own, large] = [await windowOf(kind, 1), await windowOf(kind, 1000)];
      for (const reduction of ['mean', 'last', 'minimum'] as const) {
        const metaLoss = { reduction, clip: 1.05, split: 'train' } as const;
        const [a, b] = [own, large].map(({ state, losses }) =>
          sumMetaLosses(metaLoss, state, losses, noLosses(metaLoss, state.count)),
        ) as [WindowSums, WindowSums];
        assertClose(b.loss, a.loss);
        assertClose(b.finalLoss, a.finalLoss);
      }
      const plain = { reduction: 'mean', clip: 0, split: 'train' } as const;
      const sums = sumMetaLosses(plain, own.state, own.losses, undefined);
      assert.deepEqual(sums, sumLosses(own.state, own.losses));
    }
  });

  it('keeps the unit of the family if it is not normalised', async () => {
    const [own, large] = [await sumsOf('none', 1), await sumsOf('none', 1000)];
    assertClose(large[1]!.loss, 1000 * own[1]!.loss);
  });
});

describe('combinationFault()', () => {
  it('refuses a normalised mix with an estimator that goes backward', () => {
    const run = { architecture: NETWORK, estimator: PLAIN_BPTT, problem: 'mix' };
    assert.equal(combinationFault({ ...run, problemOptions: { normalise: 'none' } }), undefined);
    assert.equal(
      combinationFault({ ...run, problemOptions: { normalise: 'log' } }),
      'estimator bptt weighs problems by their gradients, so "problem.normalise" of mix must be none, got log',
    );
  });
});
