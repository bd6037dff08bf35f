import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RoundMeasures } from '../../coordinator/observer.js';
import { newTrial } from '../../coordinator/population/trial.js';
import { SweepBoard } from '../../deploy/sweep/board.js';
import { SweepTable, summaryOf, tableOf } from '../../deploy/sweep/table.js';
import { recordOf } from '../fixtures/records.js';

const PLAN = {
  metric: { name: 'sum', goal: 'minimize' },
  trials: 4,
  space: [{ name: 'clip', domain: { type: 'uniform', log: false, low: 0, high: 9, step: null } }],
} as const;

const MEASURES: RoundMeasures = {
  metaGradientNorm: 1,
  seconds: 1,
  coordinatorSeconds: 0,
  workers: 2,
  replayed: 0,
  duplicates: 0,
};

function scores(mean: number | null) {
  const part = { mean, standardError: null, median: null };
  return { sum: part, final: part, divergenceRate: 0 };
}

/** Trials 0 to 2: one that runs, one that was pruned, one that waits; a second has passed at every look at the clock. */
function board(): SweepBoard {
  let now = 0;
  const made = new SweepBoard(PLAN, () => now++);
  for (const trial of [0, 1, 2]) made.instructed({ action: 'create', trial, to: 10 });
  const observer = made.observe({ trial: 0, fork: 0, flags: { clip: 0.5, seed: 3 } }, 10);
  observer.started!(0, 1);
  observer.round!({ ...recordOf(1), round: 2 }, MEASURES);
  observer.evaluated!(0, scores(40), new Float32Array(1));
  observer.evaluated!(2, scores(50.123456), new Float32Array(1));
  made.reported(newTrial(1, 3, { clip: 1.25 }, {}), 10, 45);
  made.instructed({ action: 'stop', trial: 1, end: 'pruned' });
  return made;
}

describe('tableOf()', () => {
  it('shows state, rounds, last and best value, time to go and parameters of every trial', () => {
    assert.deepEqual(tableOf(board(), 10), [
      'trial  state    round   last   best   ETA  clip',
      '    0  running   2/10  50.12  40.00  0:04   0.5',
      '    1  pruned   10/10  45.00  45.00        1.25',
      '    2  waiting   0/10                          ',
    ]);
  });

  it('shows those that run and the best one where there is not room for all', () => {
    assert.deepEqual(
      tableOf(board(), 2).map((line) => line.slice(0, 5)),
      ['trial', '    0'],
    );
  });
});

describe('summaryOf()', () => {
  it('counts the trials by state, and names the best', () => {
    assert.equal(
      summaryOf(board(), 4),
      '3 of 4 trials  1 running  1 paused  0 complete  1 pruned  best 40.00 (trial 0)  0.250 rounds/s  2 workers  0:04',
    );
  });
});

describe('SweepBoard', () => {
  it('says once that no worker is there, for all trials together', () => {
    let now = 0;
    const made = new SweepBoard(PLAN, () => now);
    let said = 0;
    made.onWaiting = () => {
      said += 1;
    };
    const observers = [0, 1, 2].map((trial) => made.observe({ trial, fork: 0, flags: {} }, 5));
    for (now of [10, 20]) for (const { waiting } of observers) waiting!();
    assert.equal(said, 2);
  });

  it('takes the largest value for the best where the goal is to maximize, and none that is not finite', () => {
    const made = new SweepBoard({ ...PLAN, metric: { name: 'sum', goal: 'maximize' } });
    const values = [2, null, 7, 3];
    values.forEach((value, trial) => void made.reported(newTrial(trial, 3, {}, {}), 10, value));
    assert.deepEqual([made.best!.trial, made.places[1]!.best], [2, null]);
  });
});

describe('SweepTable', () => {
  it('writes its lines over those that it wrote before, and leaves the last ones', async () => {
    let text = '';
    const stream = {
      isTTY: true,
      columns: 40,
      rows: 10,
      write(more: string): void {
        text += more;
        if (shown() > 1) twice();
      },
    };
    const shown = () => text.split('trial  state').length - 1;
    let twice = () => {};
    const wasTwice = new Promise<void>((resolve) => {
      twice = resolve;
    });
    const table = new SweepTable(stream, board());
    await wasTwice;
    table.say('hello');
    table.close();
    // five lines: the head, three trials and the sum
    const over = '\x1b[5A\r\x1b[J';
    assert.equal(text.split(over).length - 1, shown());
    assert.ok(text.endsWith(`${over}hello\n`));
    for (const line of text.split('\n')) assert.ok(line.split('\x1b[J').at(-1)!.length < 40, line);
  });
});
