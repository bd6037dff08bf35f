import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HistoryReader } from '../../coordinator/report/history.js';
import { trainingFigures } from '../../coordinator/report/training-figures.js';
import type { Baseline, LiveStatus } from '../../deploy/live/live-data.js';
import { withBaselines } from '../../deploy/live/live-figures.js';
import { statusView } from '../../deploy/live/status-view.js';

const STATUS: LiveStatus = {
  run: 'a',
  problem: 'quadratic',
  state: 'running',
  term: 1,
  round: 1234,
  plannedRounds: 5000,
  roundsPerSecond: 50,
  metaLoss: 61.23456,
  heldOut: { round: 1200, sum: 58.2, final: null },
  shards: 8,
  workers: [{ id: 'w1', threads: 2, shards: 5, state: 'computing' }],
  faults: { reassignments: 0, replayed: 0, skippedRounds: 0, badProblems: 0 },
  events: [],
};

function baseline(name: string, sum: number | null, final: number): Baseline {
  const of = (mean: number | null) => ({ mean, standardError: null, median: null, learningRate: 0.1 });
  return { name, sum: of(sum), final: of(final) };
}

describe('statusView()', () => {
  it('says where the run is, and how long it goes on', () => {
    const { fields, over, state, tables } = statusView(STATUS, []);
    assert.deepEqual(fields, {
      rounds: '1,234 of 5,000',
      pace: '50 rounds/s, 2 minutes to go',
      metaLoss: '61.23',
      heldOut: 'sum 58.2, final - (φ of round 1,200)',
      faults: 'none; 8 shards in all',
    });
    assert.deepEqual([over, state], [false, 'Running.']);
    assert.deepEqual(tables.workers, [['w1', '2', '5', 'computing']]);
  });

  it('counts what was healed', () => {
    const faults = { reassignments: 1, replayed: 12, skippedRounds: 0, badProblems: 3 };
    assert.equal(
      statusView({ ...STATUS, faults }, []).fields.faults,
      'shards went to other workers 1 time; 12 windows computed again; 3 problems blown up and left out in the last round',
    );
  });

  it('shows the newest event first, and tells when nothing more will come', () => {
    const at = Date.UTC(2026, 0, 1, 12, 30, 5);
    const events = [
      { at, text: 'first' },
      { at: at + 1000, text: 'second' },
    ];
    const view = statusView({ ...STATUS, state: 'finished', events }, []);
    assert.equal(view.over, true);
    assert.deepEqual(view.tables.events, [
      ['12:30:06 UTC', 'second'],
      ['12:30:05 UTC', 'first'],
    ]);
  });
});

describe('withBaselines()', () => {
  it('draws a level for every hand-designed optimizer with a finite mean, and names the best', () => {
    const reader = new HistoryReader({ horizon: 10, unroll: 5 });
    const scores = (mean: number) => ({ mean, standardError: 1, median: mean });
    for (const [evaluation, mean] of [
      [0, 100],
      [40, 20],
    ] as const) {
      reader.add(JSON.stringify({ evaluation, sum: scores(mean), final: scores(1), divergenceRate: 0 }));
    }
    const figure = trainingFigures(reader.history()).find(({ id }) => id === 'held-out-sum')!;
    const { chart, description } = withBaselines(figure, 'sum', [
      baseline('sgd', 80, 1),
      baseline('adam', null, 1),
      baseline('nag', 60, 1),
    ]);
    assert.deepEqual(
      chart.lines.map(({ name, points }) => [name, points.map(({ x, y }) => [x, y])]),
      [
        [
          'learned',
          [
            [0, 100],
            [40, 20],
          ],
        ],
        [
          'sgd',
          [
            [0, 80],
            [40, 80],
          ],
        ],
        [
          'nag',
          [
            [0, 60],
            [40, 60],
          ],
        ],
      ],
    );
    assert.match(description, /The best hand-designed optimizer, nag, has 60\.$/);
  });
});
