import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EpisodeLoss } from '../../deploy/run/episode-loss.js';
import { RunLog } from '../../deploy/run/run-log.js';
import type { LogFields } from '../../shared/logger.js';
import { recordOf } from '../fixtures/records.js';

/** Windows of 4, 4 and 2 steps. */
const SHAPE = { horizon: 10, unroll: 4 };

function record(round: number, loss: number, healthy = 4) {
  return { ...recordOf(round), loss, healthy };
}

describe('EpisodeLoss', () => {
  it('is the sum over the windows of the last whole episode, of the means over healthy problems', () => {
    const loss = new EpisodeLoss(SHAPE);
    const seen = [record(1, 8), record(2, 6, 2), record(3, 2), record(4, 40), record(5, 0, 0), record(6, 4)].map(
      (each) => {
        loss.add(each);
        return loss.last;
      },
    );
    // 8/4 + 6/2 + 2/4, then 40/4 + 0 + 4/4
    assert.deepEqual(seen, [undefined, undefined, 5.5, 5.5, 5.5, 11]);
  });

  it('leaves out an episode whose first windows it has not seen', () => {
    const loss = new EpisodeLoss(SHAPE);
    for (const round of [2, 3]) loss.add(record(round, 4));
    assert.equal(loss.last, undefined);
    for (const round of [4, 5, 6]) loss.add(record(round, 4));
    assert.equal(loss.last, 3);
  });
});

describe('RunLog', () => {
  it('says what happens with its figures, and of the rounds one every so many seconds', () => {
    const records: [string, string, LogFields?][] = [];
    const say = (level: string) => (line: string, about?: LogFields) => {
      records.push(about ? [level, line, about] : [level, line]);
    };
    let time = 100;
    const log = new RunLog({
      logger: { info: say('info'), warn: say('warn'), error: say('error') },
      config: SHAPE,
      everySeconds: 10,
      now: () => time,
    });
    const measures = { metaGradientNorm: 1, seconds: 1, coordinatorSeconds: 0, workers: 3, replayed: 2, duplicates: 0 };
    log.started(3, 2);
    log.planned(40);
    for (const round of [4, 5, 6, 7, 8]) {
      time += 4;
      log.round(record(round, 8), measures);
    }
    log.evaluated(5, {
      sum: { mean: 2.5, standardError: 1, median: 1 },
      final: { mean: null, standardError: null, median: null },
      divergenceRate: 0.25,
    });
    log.waiting();
    log.reassigned('w1', 'late');
    assert.deepEqual(records, [
      ['info', 'The run goes on', { round: 3, term: 2 }],
      ['info', 'The rounds are planned', { rounds: 40 }],
      [
        'info',
        'The run makes progress',
        // 3 rounds in 12 seconds; three windows of 8/4; 8 problems in these records
        { round: 6, roundsPerSecond: 0.25, metaLoss: 6, workers: 3, replayed: 2, badProblems: 4, duplicatesChecked: 0 },
      ],
      ['info', 'A held-out evaluation is done', { round: 5, sum: 2.5, final: null, divergenceRate: 0.25 }],
      ['warn', 'The run waits for a worker'],
      ['info', 'Shards went to other workers', { worker: 'w1', reason: 'late' }],
    ]);
  });
});
