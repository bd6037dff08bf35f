import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { learningRateAt, leastPlan } from '../../coordinator/schedule.js';
import { OUTER } from '../fixtures/run-config.js';

describe('learningRateAt()', () => {
  it('is the peak without a plan', () => {
    for (const round of [1, 10, 1e6]) assert.equal(learningRateAt(round, null, OUTER), 0.01);
  });

  it('is the peak in the flat part, whatever the plan', () => {
    for (const planned of [10, 100, 1001]) {
      for (let round = 1; round <= planned / 2; round++) assert.equal(learningRateAt(round, planned, OUTER), 0.01);
    }
  });

  it('falls along half a cosine to the final rate', () => {
    // planned 100, flat 50: progress (n − 50)/50
    const at = (round: number) => learningRateAt(round, 100, OUTER);
    const expected = (progress: number) => 0.01 * (0.1 + 0.9 * 0.5 * (1 + Math.cos(Math.PI * progress)));
    for (const round of [51, 60, 75, 90, 99]) {
      assert.ok(Math.abs(at(round) - expected((round - 50) / 50)) < 1e-16, `round ${round}`);
    }
    assert.ok(Math.abs(at(75) - 0.0055) < 1e-16);
    assert.ok(Math.abs(at(100) - 0.001) < 1e-18);
  });

  it('stays at its final value beyond the plan', () => {
    const final = learningRateAt(100, 100, OUTER);
    for (const round of [101, 150, 1e6]) assert.equal(learningRateAt(round, 100, OUTER), final);
    assert.equal(learningRateAt(11, 10, { ...OUTER, flat: 1 }), 0.01 * 0.1);
  });

  it('never rises', () => {
    for (const planned of [1, 2, 7, 100, 1000]) {
      for (const flat of [0.1, 0.5, 0.9, 1]) {
        let previous = Number.POSITIVE_INFINITY;
        for (let round = 1; round <= 2 * planned; round++) {
          const rate = learningRateAt(round, planned, { ...OUTER, flat });
          assert.ok(rate <= previous && rate > 0, `round ${round} of ${planned}, flat ${flat}`);
          previous = rate;
        }
      }
    }
  });
});

describe('leastPlan()', () => {
  it('leaves every learning rate up to its round as it was without a plan', () => {
    for (const flat of [0.05, 0.1, 0.3, 0.5, 0.7, 1 / 3, 0.9, 1]) {
      for (const round of [1, 2, 3, 10, 37, 99, 1000, 12345]) {
        const planned = leastPlan(round, { ...OUTER, flat });
        assert.ok(Number.isSafeInteger(planned));
        for (const n of [1, Math.ceil(round / 2), round]) {
          assert.equal(
            learningRateAt(n, planned, { ...OUTER, flat }),
            0.01,
            `round ${n}, plan ${planned}, flat ${flat}`,
          );
        }
      }
    }
  });

  it('is not much longer than it must be', () => {
    // flat·planned ≥ round must hold: planned ≥ 20 for round 10 and half flat
    assert.equal(leastPlan(10, OUTER), 22);
    assert.notEqual(learningRateAt(10, 18, OUTER), 0.01);
  });
});
