import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Member } from '../../coordinator/roster.js';
import { Crew } from '../../deploy/live/sweep/crew.js';
import type { LiveTrial, SweepStatus, SweepSubject } from '../../deploy/live/sweep/sweep-data.js';
import { sweepView } from '../../deploy/live/sweep/sweep-view.js';
import { TrialCurves } from '../../deploy/live/sweep/trial-curves.js';
import { temporaryFolder } from '../fixtures/folder.js';

const SUBJECT: SweepSubject = {
  run: 'a',
  problem: 'quadratic',
  metric: { name: 'sum', goal: 'minimize' },
  parameters: ['clip'],
  trials: 12,
  rounds: 1000,
};

function trial(number: number, changes: Partial<LiveTrial> = {}): LiveTrial {
  return {
    trial: number,
    state: 'running',
    round: 1234,
    to: 2000,
    last: 60,
    best: 50,
    values: ['0.5'],
    begins: [0],
    ...changes,
  };
}

function status(changes: Partial<SweepStatus> = {}): SweepStatus {
  return {
    state: 'running',
    trials: [],
    best: null,
    rounds: 0,
    roundsPerSecond: null,
    workers: [],
    faults: { reassignments: 0, replayed: 0, skippedRounds: 0, badWindows: 0 },
    events: [],
    ...changes,
  };
}

describe('sweepView()', () => {
  it('shows the trials that run first, then the others by their best value', () => {
    const trials = [
      trial(0, { state: 'pruned', best: 70, last: 70 }),
      trial(1, { state: 'waiting', best: undefined, last: undefined, round: 0 }),
      trial(2, { state: 'failed', best: null, last: null }),
      trial(3, { state: 'complete', best: 40.123456, last: 41 }),
      trial(4),
      trial(5),
    ];
    const { fields, tables, over } = sweepView(status({ trials, best: 3, rounds: 5000, roundsPerSecond: 50 }), SUBJECT);
    assert.deepEqual(tables.trials, [
      ['4', 'running', '1,234 of 2,000', '60', '50', '0.5'],
      ['5', 'running', '1,234 of 2,000', '60', '50', '0.5'],
      ['3', 'complete, best so far', '1,234 of 2,000', '41', '40.12', '0.5'],
      ['0', 'stopped early', '1,234 of 2,000', '70', '70', '0.5'],
      ['1', 'waiting', '0 of 2,000', '-', '-', '0.5'],
      ['2', 'failed', '1,234 of 2,000', 'not finite', 'not finite', '0.5'],
    ]);
    assert.deepEqual(fields, {
      trials: '6 of 12: 2 running, 1 waiting, 1 complete, 1 stopped early, 1 failed',
      best: 'sum 40.12: trial 3, clip 0.5',
      pace: '50 rounds/s over all trials; 5,000 rounds since this process leads',
      faults: 'none',
    });
    assert.equal(over, false);
  });

  it('counts what was healed, keeps the table short, and tells when nothing more will come', () => {
    const faults = { reassignments: 2, replayed: 1, skippedRounds: 3, badWindows: 4 };
    const trials = Array.from({ length: 100 }, (_, number) => trial(number));
    const view = sweepView(status({ state: 'finished', faults, trials }), SUBJECT);
    assert.equal(
      view.fields.faults,
      'shards went to other workers 2 times; 1 window computed again; 3 rounds skipped; 4 windows of problems that blew up, left out',
    );
    assert.equal(view.tables.trials.length, 60);
    assert.match(view.fields.trials, /; the table shows 60$/);
    assert.deepEqual([view.over, view.state], [true, 'Finished.']);
  });
});

describe('Crew', () => {
  const member = (id: string, threads: number, end: number): Member => ({
    id,
    address: id,
    fingerprint: 'f',
    incarnation: 1,
    threads,
    weight: threads,
    ranges: end > 0 ? [{ first: 0, end }] : [],
    copies: [],
  });

  it('adds up what a worker does for all trials', () => {
    const crew = new Crew();
    crew.led('0000', { members: [member('w1', 2, 3), member('w2', 1, 0)] });
    crew.led('0001', { members: [member('w1', 2, 4)] });
    const { workers, joined } = crew.look(0);
    assert.deepEqual(workers, [
      { id: 'w1', threads: 2, trials: 2, shards: 7, state: 'computing' },
      { id: 'w2', threads: 1, trials: 0, shards: 0, state: 'idle' },
    ]);
    assert.deepEqual(
      joined.map(({ id }) => id),
      ['w1', 'w2'],
    );
    assert.deepEqual(crew.look(1).joined, []);
  });

  it('tells who is gone once nobody has seen it for a while, and not between two trials', () => {
    const crew = new Crew();
    const both = [member('w1', 1, 1), member('w2', 1, 1)];
    crew.led('0000', { members: both });
    crew.look(0);
    crew.led('0000', null);
    // nobody leads: nothing is known
    assert.deepEqual(crew.look(100).gone, []);
    crew.led('0001', { members: both });
    assert.deepEqual(crew.look(101), { ...crew.look(101), joined: [], gone: [] });
    crew.led('0001', { members: both.slice(0, 1) });
    assert.deepEqual([crew.look(103).gone, crew.look(103).workers[1]!.state], [[], 'idle']);
    const later = crew.look(107);
    assert.deepEqual([later.gone, later.workers.map(({ id }) => id)], [['w2'], ['w1']]);
  });
});

describe('TrialCurves', () => {
  const line = (evaluation: number, mean: number) => {
    const part = { mean, standardError: 1, median: mean };
    return `${JSON.stringify({ evaluation, sum: part, final: part, divergenceRate: 0 })}\n`;
  };

  it('reads what the trials append, and joins the segments of those that were forked', (context) => {
    const out = temporaryFolder(context);
    for (const name of ['0003', '0003-1']) mkdirSync(join(out, 'trials', name), { recursive: true });
    const curves = new TrialCurves(out, SUBJECT);
    const first = join(out, 'trials', '0003', 'metrics.jsonl');
    appendFileSync(first, line(0, 9) + line(10, 8));
    const read = (changes: Partial<LiveTrial>) => {
      const { sweep, best } = curves.read(status({ trials: [trial(3, changes)], best: 3 }));
      assert.equal(best, sweep.trials[0]);
      return sweep.trials[0]!.curve.map(({ round, value }) => [round, value]);
    };
    assert.deepEqual(read({}), [
      [0, 9],
      [10, 8],
    ]);
    // a line that is half written is not read before its end is there
    const next = line(20, 7);
    appendFileSync(first, next.slice(0, 12));
    assert.equal(read({}).length, 2);
    appendFileSync(first, next.slice(12));
    appendFileSync(join(out, 'trials', '0003-1', 'metrics.jsonl'), line(20, 5) + line(30, 4));
    const forked = read({ begins: [0, 20] });
    assert.deepEqual(forked, [
      [0, 9],
      [10, 8],
      [20, 7],
      [20, 5],
      [30, 4],
    ]);
  });
});
