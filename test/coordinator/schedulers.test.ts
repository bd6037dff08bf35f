import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Space } from '../../coordinator/population/domain.js';
import { drawsOf } from '../../coordinator/population/draws.js';
import type { SchedulerPlan } from '../../coordinator/population/plan.js';
import { asha } from '../../coordinator/population/schedulers/asha.js';
import { halvingBracket, synchronousBrackets } from '../../coordinator/population/schedulers/brackets.js';
import { explore } from '../../coordinator/population/schedulers/explore.js';
import { hyperbandBrackets, repeatBrackets, trialsOf } from '../../coordinator/population/schedulers/hyperband.js';
import { runAll } from '../../coordinator/population/schedulers/none.js';
import { populationBased } from '../../coordinator/population/schedulers/population-based.js';
import { schedulerOf } from '../../coordinator/population/schedulers/registry.js';
import {
  geometricRungs,
  type Instruction,
  type Report,
  sessionOf,
} from '../../coordinator/population/schedulers/scheduler.js';
import { medianRule, shareRule } from '../../coordinator/population/schedulers/stopping.js';
import { median, uniform } from '../fixtures/closed-forms.js';
import { curvePlan, equalWork } from '../fixtures/equal-work.js';
import { toyBest } from '../fixtures/toy-population.js';

const INFINITE = Number.POSITIVE_INFINITY;

/** Instructions in short: c0>9 creates trial 0 to round 9, r runs on, s stops a complete one, x prunes, f2<0@9>18 forks 2 from 0. */
function short(instructions: readonly Instruction[]): string {
  return instructions
    .map((instruction) => {
      const { action, trial } = instruction;
      if (action === 'stop') return `${instruction.end === 'complete' ? 's' : 'x'}${trial}`;
      if (action === 'fork') return `f${trial}<${instruction.from}@${instruction.at}>${instruction.to}`;
      return `${action === 'create' ? 'c' : 'r'}${trial}>${instruction.to}`;
    })
    .join(' ');
}

function report(trial: number, round: number, cost: number): Report {
  return { trial, round, cost };
}

describe('runAll()', () => {
  it('creates trial n when trial n − ahead is over', () => {
    const session = sessionOf(runAll({ trials: 4, rounds: 9, ahead: 2 }));
    assert.equal(short(session.begin()), 'c0>9 c1>9');
    assert.equal(short(session.report(report(0, 9, 1))), 's0 c2>9');
    assert.equal(short(session.report(report(1, 9, INFINITE))), 's1 c3>9');
    assert.equal(short(session.report(report(2, 9, 1))), 's2');
    assert.equal(short(session.report(report(3, 9, 1))), 's3');
  });
});

describe('synchronousBrackets()', () => {
  it('lets the best third go on when all have reported, in whatever order', () => {
    const reports = [5, 3, 8, 1, 9, 2].map((cost, trial) => report(trial, 3, cost));
    for (const order of [reports, reports.toReversed()]) {
      const session = sessionOf(synchronousBrackets([halvingBracket(6, [3, 9, 27], 3)], false));
      assert.equal(short(session.begin()), 'c0>3 c1>3 c2>3 c3>3 c4>3 c5>3');
      for (const each of order.slice(0, 5)) assert.equal(short(session.report(each)), '');
      assert.equal(short(session.report(order[5]!)), 'x0 x1 x2 r3>9 x4 r5>9');
      session.report(report(5, 9, 1));
      assert.equal(short(session.report(report(3, 9, 2))), 'x3 r5>27');
      assert.equal(short(session.report(report(5, 27, 2))), 's5');
    }
  });

  it('never lets a trial without a finite cost go on, and equal ones by number', () => {
    const session = sessionOf(synchronousBrackets([halvingBracket(4, [1, 2], 2)], false));
    session.begin();
    for (const [trial, cost] of [INFINITE, INFINITE, 7].entries()) session.report(report(trial, 1, cost));
    assert.equal(short(session.report(report(3, 1, INFINITE))), 'x0 x1 r2>2 x3');
    const equal = sessionOf(synchronousBrackets([halvingBracket(4, [1, 2], 2)], false));
    equal.begin();
    for (const trial of [3, 2, 1]) equal.report(report(trial, 1, 7));
    assert.equal(short(equal.report(report(0, 1, 7))), 'r0>2 r1>2 x2 x3');
  });

  it('ends a bracket in which nothing has a finite cost, and begins the next one then', () => {
    const session = sessionOf(synchronousBrackets([halvingBracket(2, [1, 2], 2), halvingBracket(1, [2], 2)], true));
    assert.equal(short(session.begin()), 'c0>1 c1>1');
    session.report(report(0, 1, INFINITE));
    assert.equal(short(session.report(report(1, 1, INFINITE))), 'x0 x1 c2>2');
    assert.equal(short(session.report(report(2, 2, 1))), 's2');
  });
});

describe('hyperbandBrackets()', () => {
  it('gives the table of Li et al. 2018 for R = 81, η = 3', () => {
    assert.deepEqual(hyperbandBrackets({ rounds: 81, leastRounds: 1, eta: 3 }), [
      { rungs: [1, 3, 9, 27, 81], sizes: [81, 27, 9, 3, 1] },
      { rungs: [3, 9, 27, 81], sizes: [34, 11, 3, 1] },
      { rungs: [9, 27, 81], sizes: [15, 5, 1] },
      { rungs: [27, 81], sizes: [8, 2] },
      { rungs: [81], sizes: [5] },
    ]);
  });

  it('repeats until there are enough trials', () => {
    const brackets = hyperbandBrackets({ rounds: 9, leastRounds: 3, eta: 3 });
    assert.deepEqual(
      brackets.map(({ sizes }) => sizes),
      [[3, 1], [2]],
    );
    const repeated = repeatBrackets(brackets, 9, 3);
    assert.deepEqual(
      repeated.map(({ sizes }) => sizes),
      [[3, 1], [2], [3, 1], [1]],
    );
    assert.equal(trialsOf(repeated), 9);
  });
});

describe('geometricRungs()', () => {
  it('are whole, ascending and end at the rounds', () => {
    assert.deepEqual(geometricRungs(4, 3, 100), [4, 12, 36, 100]);
    assert.deepEqual(geometricRungs(100, 3, 100), [100]);
    assert.deepEqual(geometricRungs(1, 1.3, 4), [1, 2, 3, 4]);
  });
});

describe('asha()', () => {
  it('promotes the best third of a rung as soon as there is a place, from the highest rung', () => {
    const session = sessionOf(asha({ trials: 7, rungs: [1, 3, 9], eta: 3, parallel: 2 }));
    assert.equal(short(session.begin()), 'c0>1 c1>1');
    assert.equal(short(session.report(report(1, 1, 5))), 'c2>1');
    assert.equal(short(session.report(report(0, 1, 7))), 'c3>1');
    // of three, the best one goes on
    assert.equal(short(session.report(report(3, 1, 6))), 'r1>3');
    // of four, too, one goes on: it is another now
    assert.equal(short(session.report(report(2, 1, 1))), 'r2>3');
    assert.equal(short(session.report(report(1, 3, 4))), 'c4>1');
    assert.equal(short(session.report(report(2, 3, 3))), 'c5>1');
    assert.equal(short(session.report(report(4, 1, 9))), 'c6>1');
    assert.equal(short(session.report(report(5, 1, INFINITE))), '');
    // the last one: whatever pauses is pruned; six results give two promotions, which trials 1 and 2 have had
    assert.equal(short(session.report(report(6, 1, 8))), 'x0 x1 x2 x3 x4 x5 x6');
  });

  it('decides the same on the same events in the same order', () => {
    const plan = curvePlan({ type: 'asha', leastRounds: 3, eta: 3 }, 20, 0);
    const events: Report[] = [];
    const run = (feed: (open: Map<number, number>) => Report | undefined) => {
      const session = schedulerOf(plan, false);
      const open = new Map<number, number>();
      const all: Instruction[] = [];
      const take = (instructions: readonly Instruction[]) => {
        for (const instruction of instructions)
          if (instruction.action !== 'stop') open.set(instruction.trial, instruction.to);
        all.push(...instructions);
      };
      take(session.begin());
      for (let event = feed(open); event; event = feed(open)) {
        open.delete(event.trial);
        take(session.report(event));
      }
      return short(all);
    };
    const draws = drawsOf(1, 0, 'events');
    const first = run((open) => {
      const jobs = [...open];
      if (jobs.length === 0) return undefined;
      const [trial, round] = jobs[Math.floor(draws(2 * events.length) * jobs.length)]!;
      const event = report(trial, round, draws(2 * events.length + 1));
      events.push(event);
      return event;
    });
    let next = 0;
    assert.equal(
      run(() => events[next++]),
      first,
    );
    assert.match(first, /r\d+>81/);
  });
});

describe('medianRule()', () => {
  const rule = medianRule({ grace: 1, leastTrials: 2 });

  it('stops a trial whose best is above the median of the others’ means so far', () => {
    const others = [[4, 2], [6, 4], [9, 1, 1], [1]];
    // means over two checks: 3, 5, 5; the median is 5
    assert.equal(rule([7, 5.1], others), true);
    assert.equal(rule([7, 5], others), false);
    assert.equal(rule([4.9, 8], others), false);
  });

  it('lets all go on in the first checks, and while too few have got as far', () => {
    assert.equal(rule([100], [[1], [1], [1]]), false);
    assert.equal(rule([100, 100], [[1, 1], [1]]), false);
  });
});

describe('shareRule()', () => {
  it('stops a trial that is not among the best third of those that got as far', () => {
    const others = [[9, 1], [9, 2], [9, 3], [9, 4], [0]];
    // the third of 1, 2, 3, 4 is at 2
    assert.equal(shareRule(3)([9, 2.1], others), true);
    assert.equal(shareRule(3)([9, 2], others), false);
    assert.equal(shareRule(3)([5], []), false);
  });
});

describe('populationBased()', () => {
  const make = () =>
    sessionOf(
      populationBased({
        trials: 5,
        rounds: 25,
        every: 10,
        truncation: 0.4,
        draws: (trial, round) => drawsOf(1, trial, `${round}`),
      }),
    );

  it('replaces the worst by copies of the best at every selection, before the others go on', () => {
    const session = make();
    assert.equal(short(session.begin()), 'c0>10 c1>10 c2>10 c3>10 c4>10');
    for (const [trial, cost] of [
      [4, 1],
      [0, 9],
      [2, 3],
      [1, 2],
    ] as const) {
      assert.equal(short(session.report(report(trial, 10, cost))), '');
    }
    const first = short(session.report(report(3, 10, 8)));
    assert.match(first, /^f0<[14]@10>20 f3<[14]@10>20 r1>20 r2>20 r4>20$/);
    for (const trial of [0, 1, 2, 3]) session.report(report(trial, 20, trial + 1));
    assert.match(short(session.report(report(4, 20, INFINITE))), /^f3<[01]@20>25 f4<[01]@20>25 r0>25 r1>25 r2>25$/);
    for (const trial of [0, 1, 2, 3]) session.report(report(trial, 25, trial));
    assert.equal(short(session.report(report(4, 25, 4))), 's0 s1 s2 s3 s4');
  });

  it('replaces all that have no finite cost, and none where there is nothing to copy', () => {
    const session = make();
    session.begin();
    for (const trial of [0, 1, 2, 3]) session.report(report(trial, 10, INFINITE));
    assert.equal(short(session.report(report(4, 10, 7))), 'f0<4@10>20 f1<4@10>20 f2<4@10>20 f3<4@10>20 r4>20');
    for (const trial of [0, 1, 2, 3]) session.report(report(trial, 20, INFINITE));
    assert.equal(short(session.report(report(4, 20, INFINITE))), 'r0>25 r1>25 r2>25 r3>25 r4>25');
  });
});

describe('explore()', () => {
  const space: Space = [
    { name: 'rate', domain: uniform(1e-4, 1, true) },
    { name: 'unroll', domain: uniform(1, 40, false, 1) },
    { name: 'layers', domain: { type: 'categorical', choices: ['20', '8'], probabilities: [0.5, 0.5] } },
    { name: 'kind', domain: { type: 'categorical', choices: ['a', 'b'], probabilities: [0.5, 0.5] } },
  ];
  const mayChange = (name: string) => name !== 'layers';
  const parent = { rate: 0.01, unroll: 1, layers: '8', kind: 'a' };
  const varied = (resample: number) =>
    Array.from({ length: 200 }, (_, trial) =>
      explore(space, parent, drawsOf(0, trial, 'explore'), { resample, mayChange }),
    );

  it('multiplies by 0.8 or 1.2, moves whole numbers by one at least, and leaves choices', () => {
    const all = varied(0);
    assert.deepEqual(new Set(all.map(({ rate }) => (rate as number).toFixed(6))), new Set(['0.008000', '0.012000']));
    assert.deepEqual(new Set(all.map(({ unroll }) => unroll)), new Set([1, 2]));
    assert.ok(all.every(({ layers, kind }) => layers === '8' && kind === 'a'));
  });

  it('draws anew by chance, but nothing that may not change while a member trains', () => {
    const all = varied(0.25);
    const flipped = all.filter(({ kind }) => kind === 'b').length;
    // a quarter are drawn anew, half of these to the other: five standard errors about 25
    assert.ok(Math.abs(flipped - 25) < 5 * Math.sqrt(200 * 0.125 * 0.875), `${flipped}`);
    assert.ok(all.every(({ layers }) => layers === '8'));
    assert.ok(
      all.every(({ rate, unroll }) => (rate as number) >= 1e-4 && (rate as number) <= 1 && (unroll as number) <= 40),
    );
  });
});

describe('schedulers on learning curves that cross, 20 seeds', () => {
  const plans: SchedulerPlan[] = [
    { type: 'successive-halving', leastRounds: 3, eta: 3 },
    { type: 'asha', leastRounds: 3, eta: 3 },
    { type: 'hyperband', leastRounds: 3, eta: 3 },
  ];
  for (const plan of plans) {
    it(`${plan.type} leaves a smaller median regret than random search of as many rounds`, () => {
      const pairs = Array.from({ length: 20 }, (_, seed) => equalWork(plan, seed));
      const scheduled = median(pairs.map((pair) => pair.scheduled));
      const random = median(pairs.map((pair) => pair.random));
      assert.ok(scheduled < 0.75 * random, `${scheduled}, random ${random}`);
    });
  }
});

describe('population-based training on the quadratic of its paper', () => {
  it('comes near the optimum of 1.2, where members alone end at 0.39', async () => {
    const trained = await Promise.all(Array.from({ length: 20 }, (_, seed) => toyBest(seed)));
    // 1.2 − 0.9² − (0.9·0.98^200)²
    assert.ok(trained.every(({ alone }) => Math.abs(alone - 0.38975) < 1e-4));
    assert.ok(median(trained.map(({ population }) => population)) > 1.1);
  });
});
