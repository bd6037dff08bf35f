import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { actingCandidate, decisionsAfter, type Observed } from '../../coordinator/decisions.js';
import { initialLearner, type LearnerState } from '../../coordinator/learner.js';
import { runConfig } from '../fixtures/run-config.js';

const CONFIG = runConfig({
  horizon: 10,
  evaluateEvery: 5,
  curriculum: { horizons: [20, 50], patience: 2 },
});
const PHI = new Float32Array(1);

/** A state in the middle of a run, in which everything is decided that is decided once. */
function stateAt(round: number, changes: Partial<LearnerState> = {}): LearnerState {
  const decided = { fingerprint: 'f', plannedRounds: 100, candidate: null };
  return { ...initialLearner(new Float64Array(1), CONFIG), ...decided, round, ...changes };
}

function decisions(state: LearnerState, observed: Partial<Observed> = {}) {
  return decisionsAfter(state, { fingerprint: 'f', plannedRounds: undefined, score: undefined, ...observed }, CONFIG);
}

describe('decisionsAfter()', () => {
  it('fixes the engine in the first round that is summed, and never again', () => {
    const start = stateAt(0, { fingerprint: null });
    assert.deepEqual(decisions(start, { fingerprint: 'native' }), [{ type: 'engine', fingerprint: 'native' }]);
    assert.deepEqual(decisions(stateAt(1), { fingerprint: 'native' }), []);
  });

  it('fixes the plan when the pace gives one, and never again', () => {
    const start = stateAt(7, { plannedRounds: null });
    assert.deepEqual(decisions(start), []);
    assert.deepEqual(decisions(start, { plannedRounds: 250 }), [{ type: 'plan', rounds: 250 }]);
    assert.deepEqual(decisions(stateAt(7), { plannedRounds: 250 }), []);
  });

  it('takes the score of φ_n in round n + E, not in one before or after', () => {
    const candidate = { round: 5, phi: PHI };
    for (const round of [5, 6, 7, 8]) {
      const state = stateAt(round, { candidate });
      assert.equal(actingCandidate(state, CONFIG), null);
      assert.deepEqual(decisions(state, { score: 3 }), []);
    }
    const state = stateAt(9, { candidate });
    assert.equal(actingCandidate(state, CONFIG), candidate);
    assert.deepEqual(decisions(state, { score: 3 }), [{ type: 'evaluation', round: 5, score: 3 }]);
    assert.deepEqual(decisions(state, { score: null }), [{ type: 'evaluation', round: 5, score: null }]);
    assert.equal(actingCandidate(stateAt(10, { candidate }), CONFIG), null);
    assert.equal(actingCandidate(stateAt(9), CONFIG), null);
  });

  it('grows the horizon in the round whose evaluation is the last that the patience allows', () => {
    const best = { round: 5, score: 8, phi: PHI };
    const at = (round: number, score: number, grown: number[] = []) =>
      decisions(stateAt(round + 4, { best, grown, candidate: { round, phi: PHI } }), { score });
    assert.deepEqual(at(10, 9), [{ type: 'evaluation', round: 10, score: 9 }]);
    assert.deepEqual(at(15, 9), [
      { type: 'evaluation', round: 15, score: 9 },
      { type: 'horizon', horizon: 20 },
    ]);
    assert.deepEqual(at(15, 7), [{ type: 'evaluation', round: 15, score: 7 }]);
    assert.deepEqual(at(15, 9, [3]).at(-1), { type: 'horizon', horizon: 50 });
    assert.deepEqual(at(15, 9, [3, 4]).length, 1);
  });

  it('writes all of them down in one order', () => {
    const candidate = { round: 5, phi: PHI };
    const best = { round: 5 - 10, score: 1, phi: PHI };
    const state = stateAt(9, { fingerprint: null, plannedRounds: null, candidate, best });
    const all = decisions(state, { fingerprint: 'wasm', plannedRounds: 40, score: 2 });
    assert.deepEqual(
      all.map(({ type }) => type),
      ['engine', 'plan', 'evaluation', 'horizon'],
    );
  });
});
