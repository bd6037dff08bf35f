import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DropLog } from '../../shared/bus/drop-log.js';
import { UsageError } from '../../shared/errors.js';
import { clusterSubjects, runSubjects } from '../../shared/subjects.js';
import { Lines } from '../fixtures/lines.js';

describe('runSubjects()', () => {
  it('keeps what workers may send, what the coordinator sends, and the journal apart', () => {
    const { mail, bulk, all, announcement, worker, journal, journalParts, journals } = runSubjects('r1');
    assert.deepEqual([mail, bulk], ['lopt.up.r1.mail', 'lopt.up.r1.bulk']);
    assert.deepEqual(
      [all, announcement, worker('w_1')],
      ['lopt.down.r1.all', 'lopt.down.r1.announce', 'lopt.down.r1.worker.w_1'],
    );
    assert.deepEqual(
      [journal(3), journalParts(3), journals],
      ['lopt.journal.r1.3', 'lopt.journal.r1.3.parts', 'lopt.journal.r1.>'],
    );
    assert.equal(clusterSubjects().announcements, 'lopt.down.*.announce');
  });

  it('gives every member subjects of its own, as many parts as those of a run', () => {
    const [run, member] = [runSubjects('r1'), runSubjects('r1', 'lopt', 3)];
    assert.deepEqual(
      [member.mail, member.bulk, member.all, member.announcement, member.worker('w')],
      [
        'lopt.up.r1=3.mail',
        'lopt.up.r1=3.bulk',
        'lopt.down.r1=3.all',
        'lopt.down.r1=3.announce',
        'lopt.down.r1=3.worker.w',
      ],
    );
    // the streams and the journals are the run's
    for (const name of ['journals', 'journalStream', 'checkpoints'] as const) assert.equal(member[name], run[name]);
    assert.deepEqual(runSubjects('r1', 'lopt', 0).mail, run.mail);
    assert.throws(() => runSubjects('r1=3'), UsageError);
  });

  it('names streams and buckets by prefix and run', () => {
    const { journalStream, checkpoints } = runSubjects('r-1', 'team_a');
    assert.deepEqual(
      [journalStream, checkpoints, clusterSubjects('team_a').registry],
      ['team_a-r-1-journal', 'team_a-r-1-checkpoints', 'team_a-runs'],
    );
  });

  it('throws UsageError for names that mean something else in a subject', () => {
    for (const name of ['', 'a b', '*', '>', 'ä', 'x'.repeat(65), 'a/b', 'a\n']) {
      assert.throws(() => runSubjects(name), UsageError, JSON.stringify(name));
      assert.throws(() => runSubjects('r', name), UsageError, JSON.stringify(name));
      assert.throws(() => runSubjects('r').worker(name), UsageError, JSON.stringify(name));
      assert.throws(() => clusterSubjects(name), UsageError, JSON.stringify(name));
    }
    assert.throws(() => runSubjects('r', 'a-b'), {
      message: 'Cannot use the prefix: "prefix" must be up to 32 letters, digits and underscores, got "a-b"',
    });
  });
});

describe('DropLog', () => {
  it('says the first, then how many more now and then, and counts all', () => {
    let now = 0;
    const lines = new Lines();
    const drops = new DropLog(lines, () => now);
    for (let i = 1; i <= 100; i++) {
      drops.drop('a.subject', `reason ${i}`);
      now += 300;
    }
    assert.equal(drops.dropped, 100);
    assert.deepEqual(lines.lines, [
      'A message on a.subject is dropped: reason 1',
      'A message on a.subject is dropped (and 33 before it): reason 35',
      'A message on a.subject is dropped (and 33 before it): reason 69',
    ]);
  });

  it('shows nothing of a stranger that a terminal takes for a command', () => {
    const lines = new Lines();
    new DropLog(lines).drop('a.\u001b[2Jsubject', 'got \u202e"x"\nRound 9 is done\u009b31m');
    assert.deepEqual(lines.lines, ['A message on a.subject is dropped: got "x" Round 9 is done']);
  });
});
