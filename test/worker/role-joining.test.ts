/** How a worker joins a run, follows its terms, and catches up. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PROTOCOL } from '../../shared/messages.js';
import { announcement, evaluateOf, order, orderedWorker, PlayedWorker, phi } from '../fixtures/played-worker.js';
import { runConfig } from '../fixtures/run-config.js';

describe('workerStep() on an announcement', () => {
  it('computes the fingerprint with its own folders, and says hello when it has it', () => {
    const worker = new PlayedWorker({ incarnation: 7, folders: { images: '/here' } });
    const config = runConfig({ folders: { images: '/there', labels: '/there' } });
    assert.deepEqual(worker.take(announcement({ config })), ['forget shards', 'start fingerprint d']);
    const work = worker.newest('fingerprint');
    assert.deepEqual(work.session.config, { ...config, folders: { images: '/here', labels: '/there' } });
    worker.take({ type: 'fingerprinted', work, fingerprint: 'f' });
    const [told, ...said] = worker.actions;
    assert.deepEqual(told, { type: 'tell-joining', run: worker.state.run, fingerprint: 'f' });
    assert.deepEqual(said, [
      { type: 'hello', worker: 'w', incarnation: 7, fingerprint: 'f', protocol: PROTOCOL, digest: 'd' },
    ]);
  });

  it('is silent until it has its fingerprint, and then says each time what it advances', () => {
    const worker = new PlayedWorker();
    worker.take(announcement());
    assert.deepEqual(worker.take(announcement()), []);
    worker.take({ type: 'fingerprinted', work: worker.newest('fingerprint'), fingerprint: 'f' });
    assert.deepEqual(worker.take(announcement()), ['heartbeat']);
    worker.take(order({ ranges: [{ first: 2, end: 4 }], copies: [{ level: 1, index: 3 }] }));
    worker.take(phi(0));
    assert.deepEqual(worker.take(announcement()), ['heartbeat 2-4 1/3']);
    const message = { type: 'heartbeat', worker: 'w', incarnation: 1, ranges: [{ first: 2, end: 4 }] };
    assert.deepEqual(worker.actions, [{ type: 'send', message: { ...message, copies: [{ level: 1, index: 3 }] } }]);
  });

  it('says hello again, with the fingerprint that it has, to a new term of its run', () => {
    const worker = new PlayedWorker().join();
    assert.deepEqual(worker.take(announcement({ term: 2 })), ['hello']);
    assert.deepEqual(worker.take(announcement({ term: 2 })), ['heartbeat']);
    const early = new PlayedWorker();
    early.take(announcement());
    assert.deepEqual(early.take(announcement({ term: 2 })), []);
    const work = early.newest('fingerprint');
    assert.deepEqual(early.take({ type: 'fingerprinted', work, fingerprint: 'f' }), ['tell joining as f', 'hello']);
  });

  it('ignores one of a lower term', () => {
    const worker = new PlayedWorker().join(announcement({ term: 2 }));
    assert.deepEqual(worker.take(announcement({ term: 1 })), []);
    assert.deepEqual(worker.take(announcement({ term: 1, digest: 'other' })), []);
    assert.deepEqual(worker.take(announcement({ term: 2 })), ['heartbeat']);
  });

  it('joins its run anew under another coordinator of no higher term: its server lost what it knew', () => {
    const worker = orderedWorker();
    worker.take(phi(8));
    worker.compute();
    const anew = announcement({ coordinator: 'another', term: 1, round: 0 });
    assert.deepEqual(worker.take(anew), ['forget shards', 'forget history', 'start fingerprint d']);
    worker.take({ type: 'fingerprinted', work: worker.newest('fingerprint'), fingerprint: 'f' });
    worker.take(order({ round: 1 }));
    assert.deepEqual(worker.take(phi(0)), ['start windows 1 shards 0,1']);
  });

  it('forgets all of its run for another one', () => {
    const worker = orderedWorker();
    worker.take(evaluateOf(0, [0]));
    worker.score();
    worker.take(phi(0));
    worker.compute();
    const other = announcement({ digest: 'other', term: 1 });
    assert.deepEqual(worker.take(other), ['forget shards', 'forget history', 'start fingerprint other']);
    assert.deepEqual(worker.take({ type: 'rejoin' }), []);
    worker.take({ type: 'fingerprinted', work: worker.newest('fingerprint'), fingerprint: 'g' });
    assert.deepEqual(worker.take(other), ['heartbeat']);
    assert.deepEqual(worker.take(evaluateOf(0, [0])), ['start score 0 chunk 0']);
    // the order of the other run may begin at any round of any term
    const [, , ...after] = worker.take(order({ round: 1 }));
    assert.deepEqual(after, ['tell ordered 2']);
    assert.deepEqual(worker.take(phi(0)), ['start windows 1 shards 0,1']);
  });

  it('counts the terms of another run by themselves', () => {
    const worker = orderedWorker();
    worker.take(phi(6, { term: 5 }));
    worker.join(announcement({ digest: 'other', term: 2 }));
    worker.take(order({ term: 2 }));
    worker.take(announcement({ digest: 'other', term: 2, round: 4 }));
    worker.read();
    assert.deepEqual(worker.take(phi(3, { term: 2 })), []);
    assert.ok(worker.take(phi(3, { term: 3 })).includes('forget shards'));
  });

  it('never says hello with the fingerprint of another run', () => {
    const worker = new PlayedWorker();
    worker.take(announcement());
    const work = worker.newest('fingerprint');
    worker.take(announcement({ digest: 'other' }));
    assert.deepEqual(worker.take({ type: 'fingerprinted', work, fingerprint: 'f' }), []);
    assert.deepEqual(worker.take({ type: 'rejoin' }), []);
  });

  it('leaves when no fingerprint can be computed', () => {
    const worker = new PlayedWorker();
    worker.take(announcement());
    const error = new Error('there is no such folder');
    assert.deepEqual(worker.take({ type: 'failed', work: worker.newest('fingerprint'), error }), [
      'leave',
      'goodbye: there is no such folder',
      'tell released',
      'tell failed: there is no such folder',
    ]);
  });
});

describe('workerStep() on a rejoin', () => {
  it('says hello again once it has its fingerprint', () => {
    const worker = new PlayedWorker();
    assert.deepEqual(worker.take({ type: 'rejoin' }), []);
    worker.take(announcement());
    assert.deepEqual(worker.take({ type: 'rejoin' }), []);
    worker.take({ type: 'fingerprinted', work: worker.newest('fingerprint'), fingerprint: 'f' });
    assert.deepEqual(worker.take({ type: 'rejoin' }), ['hello']);
  });
});

describe('workerStep() on an announcement of a round whose φ it has not', () => {
  it('reads φ from the journal, and goes on with it', () => {
    const worker = orderedWorker();
    worker.take(phi(0));
    const grown = [2];
    assert.deepEqual(worker.take(announcement({ round: 3, grown })), ['heartbeat 0-2', 'start read 3']);
    assert.deepEqual(worker.read(), ['start windows 4 shards 0,1']);
    assert.deepEqual(worker.state.phi, phi(3, { grown }));
  });

  it('reads φ_0 when nothing came yet, and nothing while it is free', () => {
    const free = new PlayedWorker().join();
    assert.deepEqual(free.take(announcement({ round: 3 })), ['heartbeat']);
    const worker = orderedWorker();
    assert.deepEqual(worker.take(announcement({ round: 0 })), ['heartbeat 0-2', 'start read 0']);
    assert.deepEqual(worker.read(), ['start windows 1 shards 0,1']);
  });

  it('tries again at the next one when φ is not in the journal yet', () => {
    const worker = orderedWorker();
    worker.take(announcement({ round: 3 }));
    const error = new Error('it is not there');
    assert.deepEqual(worker.take({ type: 'failed', work: worker.newest('read'), error }), []);
    assert.deepEqual(worker.take(announcement({ round: 3 })), ['heartbeat 0-2', 'start read 3']);
  });

  it('drops what it read when that φ or a later one came meanwhile', () => {
    for (const round of [3, 4]) {
      const worker = orderedWorker();
      worker.take(announcement({ round: 3 }));
      worker.take(phi(round));
      assert.deepEqual(worker.read(), []);
      assert.deepEqual(worker.state.phi, phi(round));
    }
  });

  it('drops what it read when a new term has gone back meanwhile', () => {
    const worker = orderedWorker();
    worker.take(phi(4));
    worker.take(announcement({ round: 5 }));
    worker.take(phi(2, { term: 2 }));
    assert.deepEqual(worker.read(), []);
    assert.equal(worker.state.phi?.round, 2);
  });
});
