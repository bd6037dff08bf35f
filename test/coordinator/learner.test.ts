import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  better,
  firstRecord,
  initialLearner,
  type LearnerState,
  learn,
  type RoundInput,
  type ScoredPhi,
} from '../../coordinator/learner.js';
import type { Decision } from '../../shared/journal/journal.js';
import { OUTER, runConfig } from '../fixtures/run-config.js';

const CONFIG = runConfig({ outer: { ...OUTER, clip: 100, epsilon: 0.5 } });

function start(): LearnerState {
  return initialLearner(Float64Array.of(0.1, -0.2, 1 / 3), CONFIG);
}

function input(gradient: number[], healthy = 4, decisions: Decision[] = []): RoundInput {
  return { metaGradient: Float32Array.from(gradient), healthy, problems: 8, loss: 12, finalLoss: 3, decisions };
}

function scored(round: number, score: number | null): ScoredPhi {
  return { round, score, phi: Float32Array.of(round) };
}

describe('initialLearner() and firstRecord()', () => {
  it('hold φ_0, and φ_0 as the first candidate', () => {
    const state = start();
    const rounded = Float32Array.of(0.1, -0.2, 1 / 3);
    assert.equal(state.round, 0);
    assert.deepEqual(state.candidate, { round: 0, phi: rounded });
    assert.deepEqual([state.best, state.plannedRounds, state.fingerprint], [null, null, null]);
    const record = firstRecord(state, 7);
    assert.deepEqual([record.round, record.term, record.skipped], [0, 7, false]);
    assert.deepEqual(record.phi, rounded);
  });
});

describe('learn()', () => {
  it('divides the sum by the healthy problems and takes a step of Adam', () => {
    const { state, record, metaGradientNorm } = learn(start(), input([8, -4, 0]), CONFIG, 3);
    // the average is (2, −1, 0); Adam's first step is g/(|g| + ε), times the learning rate 0.01
    assert.ok(Math.abs(metaGradientNorm - Math.sqrt(5)) < 1e-15);
    const expected = [0.1 - (0.01 * 2) / 2.5, -0.2 + 0.01 / 1.5, 1 / 3];
    expected.forEach((value, i) => {
      assert.ok(Math.abs(state.phi[i]! - value) < 1e-15);
    });
    assert.equal(state.round, 1);
    assert.deepEqual(record, {
      round: 1,
      term: 3,
      phi: Float32Array.from(state.phi),
      metaGradient: Float32Array.of(8, -4, 0),
      healthy: 4,
      problems: 8,
      loss: 12,
      finalLoss: 3,
      learningRate: 0.01,
      skipped: false,
      decisions: [],
    });
  });

  it('clips the average, not the sum', () => {
    const config = runConfig({ outer: { ...OUTER, clip: 1 } });
    const once = learn(initialLearner(new Float64Array(2), config), input([3, 4], 5), config, 1);
    assert.equal(once.metaGradientNorm, 1);
    const clipped = learn(initialLearner(new Float64Array(2), config), input([30, 40], 5), config, 1);
    assert.equal(clipped.metaGradientNorm, 10);
    for (const state of [once.state, clipped.state]) {
      assert.ok(Math.abs(state.outer[1].mean[0]! - 0.1 * 0.6) < 1e-16);
      assert.ok(Math.abs(state.outer[1].mean[1]! - 0.1 * 0.8) < 1e-16);
    }
  });

  it('leaves φ and the moments as they are in a round without a finite sum or a healthy problem', () => {
    const { state } = learn(start(), input([8, -4, 1]), CONFIG, 1);
    for (const bad of [
      input([0, 0, 0], 0),
      input([1, 2, 3], 0),
      input([1, Number.NaN, 3]),
      input([1, 2, Number.POSITIVE_INFINITY]),
      input([Number.NEGATIVE_INFINITY, 2, 3]),
    ]) {
      const skipped = learn(state, bad, CONFIG, 1);
      assert.equal(skipped.record.skipped, true);
      assert.deepEqual(skipped.record.phi, Float32Array.from(state.phi));
      assert.deepEqual(skipped.record.metaGradient, bad.metaGradient);
      assert.deepEqual(skipped.state, { ...state, round: 2 });
      // the next step is the one that would have been taken in its place
      assert.deepEqual(
        learn(skipped.state, input([1, 1, 1]), CONFIG, 1).state.phi,
        learn(state, input([1, 1, 1]), CONFIG, 1).state.phi,
      );
    }
  });

  it('takes decisions in a skipped round too', () => {
    const { state } = learn(start(), input([0, 0, 0], 0, [{ type: 'plan', rounds: 40 }]), CONFIG, 1);
    assert.equal(state.plannedRounds, 40);
  });

  it('writes to nothing that it is given', () => {
    const state = start();
    const sum = input([8, -4, 1], 4, [{ type: 'plan', rounds: 10 }]);
    const copies = structuredClone({ state, sum });
    learn(state, sum, CONFIG, 1);
    assert.deepEqual({ state, sum }, copies);
  });

  it('uses the plan in the round that decides it', () => {
    // planned 10, half flat: round 8 is 3/5 down the cosine
    const rounds = 10;
    let state = start();
    for (let round = 1; round < 8; round++) state = learn(state, input([1, 1, 1]), CONFIG, 1).state;
    const { record, state: after } = learn(state, input([1, 1, 1], 4, [{ type: 'plan', rounds }]), CONFIG, 1);
    const expected = 0.01 * (0.1 + 0.9 * 0.5 * (1 + Math.cos(Math.PI * 0.6)));
    assert.ok(Math.abs(record.learningRate - expected) < 1e-16);
    assert.ok(Math.abs(after.phi[0]! - state.phi[0]!) < 0.01 * 0.8);
    assert.deepEqual(record.decisions, [{ type: 'plan', rounds }]);
  });

  it('keeps the fingerprint that is decided', () => {
    const { state } = learn(start(), input([1, 1, 1], 4, [{ type: 'engine', fingerprint: 'abc' }]), CONFIG, 1);
    assert.equal(state.fingerprint, 'abc');
    assert.equal(learn(state, input([1, 1, 1]), CONFIG, 1).state.fingerprint, 'abc');
  });

  it('makes φ of every evaluation round the candidate, and the best one when its score says so', () => {
    let state = start();
    const phis: Float32Array[] = [];
    const scores: Record<number, number | null> = { 0: 5, 5: 3, 10: 4, 15: null, 20: 1 };
    const bests: (number | undefined)[] = [];
    for (let round = 1; round <= 25; round++) {
      const due = round - 5;
      const decisions: Decision[] = due in scores ? [{ type: 'evaluation', round: due, score: scores[due]! }] : [];
      const result = learn(state, input([round, 1, -1], 4, decisions), CONFIG, 1);
      state = result.state;
      phis[round] = result.record.phi;
      if (round % 5 === 0) {
        assert.deepEqual(state.candidate, { round, phi: result.record.phi });
        bests.push(state.best?.round);
      }
    }
    assert.deepEqual(bests, [0, 5, 5, 5, 20]);
    assert.deepEqual(state.best, { round: 20, score: 1, phi: phis[20] });
  });

  it('has no candidate between its score and the next evaluation round, and ignores a score of another round', () => {
    const early = learn(start(), input([1, 1, 1], 4, [{ type: 'evaluation', round: 0, score: 2 }]), CONFIG, 1).state;
    assert.equal(early.candidate, null);
    assert.equal(early.best?.score, 2);
    for (const round of [0, 3]) {
      const again = learn(early, input([1, 1, 1], 4, [{ type: 'evaluation', round, score: 1 }]), CONFIG, 1).state;
      assert.deepEqual(again.best, early.best);
    }
  });
});

describe('better()', () => {
  it('takes the lower score, the earlier φ of equal ones, and any score over none', () => {
    assert.equal(better(null, scored(1, 3)).round, 1);
    assert.equal(better(null, scored(1, null)).round, 1);
    assert.equal(better(scored(1, 3), scored(2, 2)).round, 2);
    assert.equal(better(scored(1, 3), scored(2, 3)).round, 1);
    assert.equal(better(scored(1, 3), scored(2, 4)).round, 1);
    assert.equal(better(scored(1, 3), scored(2, null)).round, 1);
    assert.equal(better(scored(1, null), scored(2, 9)).round, 2);
    assert.equal(better(scored(1, null), scored(2, null)).round, 1);
    assert.equal(better(scored(1, 0), scored(2, -1)).round, 2);
    assert.equal(better(scored(1, 0), scored(2, 1)).round, 1);
  });
});
