/** Chunks of evaluations that a worker is asked for. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { announcement, evaluateOf, PlayedWorker, phiOf } from '../fixtures/played-worker.js';

describe('workerStep() on an evaluation', () => {
  it('computes its chunks on the held-out functions, and answers with each', () => {
    const worker = new PlayedWorker().join();
    assert.deepEqual(worker.take(evaluateOf(5, [0, 3])), ['start score 5 chunk 0', 'start score 5 chunk 3']);
    const { config, digest } = worker.state.run!;
    const asked = { chunk: 3, count: 2, horizon: config.horizon };
    assert.deepEqual(worker.newest('score').task, {
      session: { config, digest },
      optimizer: { phi: phiOf(5) },
      request: { seed: config.seed, purpose: 'heldOut', split: 'held-out', ...asked },
    });
    worker.score();
    const [action] = worker.actions;
    assert.ok(action?.type === 'send' && action.message.type === 'evaluation');
    const { scores, ...head } = action.message;
    assert.deepEqual(head, { type: 'evaluation', worker: 'w', digest: 'd', round: 5 });
    assert.equal(scores.chunk, 3);
  });

  it('takes the horizon that it is asked for', () => {
    const worker = new PlayedWorker().join();
    worker.take(evaluateOf(5, [0], { horizon: 99 }));
    assert.equal(worker.newest('score').task.request.horizon, 99);
  });

  it('never computes a chunk twice, and answers when it has it, however often it was asked, and each time after that', () => {
    const worker = new PlayedWorker().join();
    worker.take(evaluateOf(5, [0]));
    assert.deepEqual(worker.take(evaluateOf(5, [0, 1])), ['start score 5 chunk 1']);
    const [first, second] = worker.works.filter((work) => work.type === 'score');
    assert.deepEqual(worker.score(first), ['evaluation 5 chunk 0']);
    assert.deepEqual(worker.take(evaluateOf(5, [0])), ['evaluation 5 chunk 0']);
    assert.deepEqual(worker.score(second), ['evaluation 5 chunk 1']);
  });

  it('forgets what was computed of an earlier one, and still answers with what is under way', () => {
    const worker = new PlayedWorker().join();
    worker.take(evaluateOf(5, [0, 1]));
    const [first, second] = worker.works.filter((work) => work.type === 'score');
    worker.score(first);
    worker.take(evaluateOf(10, [0]));
    assert.deepEqual(worker.score(second), ['evaluation 5 chunk 1']);
    assert.deepEqual(worker.take(evaluateOf(5, [0])), ['start score 5 chunk 0']);
  });

  it('does nothing before it has joined a run, and answers nothing for another one', () => {
    const worker = new PlayedWorker();
    assert.deepEqual(worker.take(evaluateOf(5, [0])), []);
    worker.join();
    worker.take(evaluateOf(5, [0]));
    const old = worker.newest('score');
    worker.take(announcement({ digest: 'other' }));
    assert.deepEqual(worker.score(old), []);
    worker.take(evaluateOf(5, [0]));
    assert.deepEqual(worker.score(old), []);
    assert.deepEqual(worker.score(), ['evaluation 5 chunk 0']);
  });

  it('answers once when it has come back to its run, and a chunk was computed twice', () => {
    const worker = new PlayedWorker().join();
    worker.take(evaluateOf(5, [0]));
    const old = worker.newest('score');
    worker.take(announcement({ digest: 'other' }));
    worker.take(announcement());
    worker.take(evaluateOf(5, [0]));
    assert.deepEqual(worker.score(old), ['evaluation 5 chunk 0']);
    assert.deepEqual(worker.score(), []);
  });

  it('computes again under another term what was computed, or was being computed: its φ may be another one', () => {
    const worker = new PlayedWorker().join();
    worker.take(evaluateOf(5, [0, 1]));
    const [first, second] = worker.works.filter((work) => work.type === 'score');
    worker.score(first);
    worker.take(announcement({ coordinator: 'next', term: 2, round: 3 }));
    assert.deepEqual(worker.take(evaluateOf(5, [0, 1], { term: 2 })), [
      'start score 5 chunk 0',
      'start score 5 chunk 1',
    ]);
    assert.deepEqual(worker.score(second), []);
    assert.deepEqual(worker.score(), ['evaluation 5 chunk 1']);
  });

  it('leaves when a chunk cannot be computed', () => {
    const worker = new PlayedWorker().join();
    worker.take(evaluateOf(5, [0]));
    const actions = worker.take({ type: 'failed', work: worker.newest('score'), error: new Error('broken') });
    assert.deepEqual(actions, ['leave', 'goodbye: broken', 'tell released', 'tell failed: broken']);
  });
});
