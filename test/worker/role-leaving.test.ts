/** How a worker ends. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { announcement, evaluateOf, order, orderedWorker, PlayedWorker, phi } from '../fixtures/played-worker.js';

const LEAVES = ['leave', 'goodbye', 'tell released'];

describe('workerStep() on a drain', () => {
  it('leaves at once when it computes no windows', () => {
    const worker = orderedWorker();
    assert.deepEqual(worker.take({ type: 'drain' }), LEAVES);
  });

  it('sends what it computes first, of all rounds, and begins nothing more', () => {
    const worker = orderedWorker();
    worker.take(phi(0));
    const first = worker.newest('windows');
    worker.take(phi(1));
    const second = worker.newest('windows');
    assert.deepEqual(worker.take({ type: 'drain' }), []);
    assert.deepEqual(worker.take(announcement({ round: 1 })), []);
    assert.deepEqual(worker.take(phi(2)), []);
    const sent = (round: number) => [0, 1].map((shard) => `result ${round} node 0/${shard}`);
    assert.deepEqual(worker.compute(second), [...sent(2), 'tell computed 2']);
    assert.deepEqual(worker.compute(first), [...sent(1), 'tell computed 1', ...LEAVES]);
  });

  it('waits for windows that are of no use any more, and sends nothing of them', () => {
    const worker = orderedWorker();
    worker.take(phi(3));
    const old = worker.newest('windows');
    worker.take(phi(2, { term: 2 }));
    worker.take({ type: 'drain' });
    assert.deepEqual(worker.compute(), ['result 3 node 0/0', 'result 3 node 0/1', 'tell computed 3']);
    assert.deepEqual(worker.compute(old), LEAVES);
  });

  it('leaves without an error if its last windows fail, and says why if others are still being computed', () => {
    const worker = orderedWorker();
    worker.take(phi(0));
    worker.take({ type: 'drain' });
    assert.deepEqual(
      worker.take({ type: 'failed', work: worker.newest('windows'), error: new Error('broken') }),
      LEAVES,
    );
    const other = orderedWorker();
    other.take(phi(0));
    other.take(phi(1));
    other.take({ type: 'drain' });
    const actions = other.take({ type: 'failed', work: other.newest('windows'), error: new Error('broken') });
    assert.deepEqual(actions, ['leave', 'goodbye: broken', 'tell released', 'tell failed: broken']);
  });
});

describe('workerStep() on a refusal', () => {
  it('leaves with what was said', () => {
    const worker = new PlayedWorker().join();
    const said = 'Worker w is refused: it must be another';
    assert.deepEqual(worker.take({ type: 'refuse', worker: 'w', reason: 'it must be another' }), [
      'leave',
      `goodbye: ${said}`,
      'tell released',
      `tell failed: ${said}`,
    ]);
  });

  it('ignores one for another worker', () => {
    const worker = new PlayedWorker().join();
    assert.deepEqual(worker.take({ type: 'refuse', worker: 'v', reason: 'it must be another' }), []);
    assert.equal(worker.state.left, false);
  });
});

describe('workerStep() on the end of the run', () => {
  it('is free, and says no goodbye', () => {
    const worker = new PlayedWorker().join();
    worker.take(order({ copies: [{ level: 0, index: 5 }] }));
    assert.deepEqual(worker.take({ type: 'finished' }), ['keep copies ', 'tell released', 'tell finished']);
    assert.deepEqual(worker.take(phi(0)), []);
    assert.deepEqual(worker.take({ type: 'close' }), ['leave', 'tell released']);
  });

  it('goes on when the run is announced again', () => {
    const worker = orderedWorker();
    worker.take({ type: 'finished' });
    assert.deepEqual(worker.take(announcement()), ['heartbeat']);
    assert.deepEqual(worker.take({ type: 'close' }), LEAVES);
  });
});

describe('workerStep() on a failure', () => {
  it('leaves with the error itself', () => {
    const worker = orderedWorker();
    const error = new RangeError('broken');
    worker.take({ type: 'failed', error });
    assert.deepEqual(worker.actions, [
      { type: 'leave' },
      { type: 'send', message: { type: 'goodbye', worker: 'w', error: 'broken' } },
      { type: 'tell-released' },
      { type: 'tell-failed', error },
    ]);
  });
});

describe('workerStep() of a worker that has left', () => {
  it('does nothing, whatever comes', () => {
    for (const type of ['close', 'abandon', 'drain'] as const) {
      const worker = orderedWorker();
      worker.take(evaluateOf(0, [0]));
      const silent = worker.take({ type });
      assert.deepEqual(silent, type === 'abandon' ? ['leave'] : LEAVES);
      assert.deepEqual(worker.score(), []);
      for (const again of ['close', 'abandon', 'drain', 'rejoin'] as const) {
        assert.deepEqual(worker.take({ type: again }), []);
      }
      for (const message of [announcement({ term: 2 }), order({ round: 2 }), phi(3)]) {
        assert.deepEqual(worker.take(message), []);
      }
      assert.deepEqual(worker.take({ type: 'failed', error: new Error('broken') }), []);
    }
  });

  it('sends nothing of the windows that it was computing', () => {
    const worker = orderedWorker();
    worker.take(phi(0));
    worker.take({ type: 'abandon' });
    assert.deepEqual(worker.compute(), []);
  });
});
