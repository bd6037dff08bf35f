import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { growthAt, validationHorizon } from '../../coordinator/curriculum.js';
import { initialLearner, type LearnerState, learn, type ScoredPhi } from '../../coordinator/learner.js';
import { phiLength } from '../../shared/phi.js';
import { runConfig } from '../fixtures/run-config.js';

const CONFIG = runConfig({
  horizon: 10,
  evaluateEvery: 5,
  curriculum: { horizons: [20, 50], patience: 2 },
});
const PHI = new Float32Array(1);

function scored(round: number, score: number | null): ScoredPhi {
  return { round, score, phi: PHI };
}

/** What is decided with the score of the φ of this round. */
function growth(round: number, score: number | null, best: ScoredPhi | null, grown: number[] = []) {
  const state: Pick<LearnerState, 'best' | 'candidate' | 'grown'> = { best, grown, candidate: { round, phi: PHI } };
  return growthAt(state, { type: 'evaluation', round, score }, CONFIG);
}

describe('validationHorizon()', () => {
  it('is the horizon after that of training, and at last its own', () => {
    assert.deepEqual(
      [0, 1, 2].map((grown) => validationHorizon(CONFIG, grown)),
      [20, 50, 50],
    );
    assert.equal(validationHorizon(runConfig({ horizon: 10 }), 0), 10);
  });

  it('is the geometric mean of the ends if episodes draw their horizons', () => {
    assert.equal(validationHorizon(runConfig({ horizon: 100, longestHorizon: 1600 }), 0), 400);
  });
});

describe('growthAt()', () => {
  it('grows where `patience` evaluations in a row were not better than the best', () => {
    assert.equal(growth(0, 9, null), undefined);
    assert.equal(growth(5, 8, scored(0, 9)), undefined);
    assert.equal(growth(10, 8.5, scored(5, 8)), undefined);
    assert.deepEqual(growth(15, 8, scored(5, 8)), { type: 'horizon', horizon: 20 });
    assert.equal(growth(15, 7.9, scored(5, 8)), undefined);
    assert.deepEqual(growth(40, 8, scored(5, 8), [20]), { type: 'horizon', horizon: 50 });
  });

  it('grows where no evaluation is finite, and not beyond the last horizon', () => {
    assert.equal(growth(5, null, scored(0, null)), undefined);
    assert.deepEqual(growth(10, null, scored(0, null)), { type: 'horizon', horizon: 20 });
    assert.equal(growth(10, 3, scored(0, null)), undefined);
    assert.equal(growth(40, 8, scored(5, 8), [20, 30]), undefined);
  });
});

describe('learn() with a horizon decision', () => {
  it('notes the round, and forgets the best φ under the horizon before', () => {
    const length = phiLength(CONFIG.architecture);
    const start = initialLearner(new Float64Array(length), CONFIG);
    const input = { metaGradient: new Float32Array(length).fill(1), healthy: 2, problems: 2, loss: 1, finalLoss: 1 };
    const state = { ...start, round: 19, best: scored(5, 8), candidate: { round: 15, phi: PHI } };
    const decisions = [
      { type: 'evaluation', round: 15, score: 9 },
      { type: 'horizon', horizon: 20 },
    ] as const;
    const { state: after, record } = learn(state, { ...input, decisions }, CONFIG, 1);
    assert.deepEqual([after.grown, after.best, after.candidate?.round], [[20], null, 20]);
    assert.deepEqual(record.decisions, decisions);
  });
});
