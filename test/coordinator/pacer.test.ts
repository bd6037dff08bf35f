import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { initialLearner, type LearnerState } from '../../coordinator/learner.js';
import { type Goal, Pacer } from '../../coordinator/pacer.js';
import { leastPlan } from '../../coordinator/schedule.js';
import { OUTER, runConfig } from '../fixtures/run-config.js';

function at(round: number, plannedRounds: number | null = null): LearnerState {
  return { ...initialLearner(new Float64Array(1), runConfig()), round, plannedRounds };
}

/** Closes rounds `first` + 1, … at these times, in milliseconds after the start, until there is a plan. */
function planAfter(goal: Goal, times: readonly number[], first = 0): { plan: number | undefined; closed: number } {
  const start = 123_456.5;
  const pacer = new Pacer(goal, OUTER, start);
  for (const [index, time] of times.entries()) {
    const plan = pacer.plan(at(first + index), start + time);
    if (plan !== undefined) return { plan, closed: first + index };
  }
  return { plan: undefined, closed: first + times.length };
}

/** The times of rounds that take `ms` each, after the first one takes `startup`. */
function steady(ms: number, startup: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => startup + ms * i);
}

describe('Pacer', () => {
  it('plan() is the number of rounds that was asked for, at once', () => {
    assert.deepEqual(planAfter({ rounds: 77 }, [5]), { plan: 77, closed: 0 });
  });

  it('plan() comes at the first round that closes after a tenth of the time', () => {
    // 100 s: measured until 10 s; a round closes every 0.5 s from 0.5 s on, so the 20th one at 10 s: round 19 is the last
    const { plan, closed } = planAfter({ seconds: 100 }, steady(500, 500, 300));
    assert.equal(closed, 19);
    // 2 rounds a second and 90 s to go
    assert.equal(plan, 19 + 180);
  });

  it('plan() leaves the first quarter of the measured time out of the pace, but not out of the time spent', () => {
    // 100 s: slow rounds close at 1 s and 2 s, the first after 2.5 s at 3 s is the mark (round 2); then one every 100 ms
    const times = [1000, 2000, ...steady(100, 3000, 200)];
    const { plan, closed } = planAfter({ seconds: 100 }, times);
    // round 2 at 3 s, so round 72 at 10 s; 10 rounds a second and 90 s to go
    assert.equal(closed, 72);
    assert.equal(plan, 72 + 900);
  });

  it('plan() measures for at most 45 seconds', () => {
    const { plan, closed } = planAfter({ seconds: 3600 }, steady(1000, 1000, 100));
    assert.equal(closed, 44);
    assert.equal(plan, 44 + 3555);
  });

  it('plan() counts what a resumed run did before at the pace that is measured now', () => {
    // 100 s at 2 rounds a second: 50 rounds were 25 s, 10 s more are spent
    const { plan, closed } = planAfter({ seconds: 100 }, steady(500, 500, 300), 50);
    assert.equal(closed, 69);
    assert.equal(plan, 69 + 130);
  });

  it('plan() never ends the flat part before the round that makes it, however slow the rounds are', () => {
    const { plan, closed } = planAfter({ seconds: 10 }, [8000, 16_000, 24_000]);
    assert.equal(closed, 1);
    assert.equal(plan, leastPlan(2, OUTER));
  });

  it('plan() waits for a second round where one alone takes the measured time', () => {
    assert.deepEqual(planAfter({ seconds: 10 }, [5000]), { plan: undefined, closed: 1 });
    // one round in a second, 4 s to go: 1 + 4 rounds, and the least plan of round 2 is 6
    assert.deepEqual(planAfter({ seconds: 10 }, [5000, 6000]), { plan: 6, closed: 1 });
    assert.deepEqual(planAfter({ seconds: 20 }, [5000, 6000]), { plan: 15, closed: 1 });
  });

  it('reached() follows the rounds that were asked for, or else the plan', () => {
    const byRounds = new Pacer({ rounds: 10 }, OUTER, 0);
    assert.deepEqual(
      [9, 10, 11].map((round) => byRounds.reached(at(round, 5))),
      [false, true, true],
    );
    const bySeconds = new Pacer({ seconds: 10 }, OUTER, 0);
    assert.deepEqual(
      [9, 10].map((round) => bySeconds.reached(at(round, 10))),
      [false, true],
    );
    assert.equal(bySeconds.reached(at(1e9)), false);
  });
});
