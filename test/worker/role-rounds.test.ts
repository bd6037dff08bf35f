/** Which windows a worker computes when, and what it sends of them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isDoubled } from '../../shared/double-computation.js';
import { timelineAt } from '../../shared/timeline.js';
import { announcement, nodeOf, order, orderedWorker, PlayedWorker, phi, phiOf } from '../fixtures/played-worker.js';

const RESULTS_OF_1 = ['result 1 node 0/0', 'result 1 node 0/1'];

describe('workerStep() on an order', () => {
  it('keeps the states of its shards alone, and tells how many they are', () => {
    const worker = new PlayedWorker().join();
    const ranges = [
      { first: 1, end: 3 },
      { first: 6, end: 7 },
    ];
    assert.deepEqual(worker.take(order({ ranges })), ['keep shards 1,2,6', 'keep copies ', 'tell ordered 3']);
    assert.deepEqual(worker.take(phi(0)), ['start windows 1 shards 1,2,6']);
  });

  it('begins shards that are added within a round, and sends again what is done', () => {
    const worker = orderedWorker();
    worker.take(phi(0));
    worker.compute();
    const [, , told, ...computed] = worker.take(order({ ranges: [{ first: 1, end: 4 }] }));
    assert.equal(told, 'tell ordered 3');
    assert.deepEqual(computed, [...RESULTS_OF_1, 'start windows 1 shards 2,3']);
    // one that it had given away is not computed again
    const [, , , ...back] = worker.take(order({ ranges: [{ first: 0, end: 4 }] }));
    assert.deepEqual(back, RESULTS_OF_1);
    worker.compute();
    assert.deepEqual(worker.take(phi(0)), [...RESULTS_OF_1, 'result 1 node 0/2', 'result 1 node 0/3']);
  });

  it('sends nothing again when nothing is ordered any more', () => {
    const worker = orderedWorker();
    worker.take(phi(0));
    worker.compute();
    assert.deepEqual(worker.take(order({ ranges: [] })), ['keep shards ', 'keep copies ', 'tell ordered 0']);
  });

  it('ignores one of its term that another has overtaken, and takes the same round again', () => {
    const worker = new PlayedWorker().join();
    worker.take(order({ round: 5 }));
    assert.deepEqual(worker.take(order({ round: 4, ranges: [] })), []);
    assert.equal(worker.take(order({ round: 5, ranges: [] }))[0], 'keep shards ');
  });

  it('ignores one of a lower term than its run, and takes one of a new term at a lower round', () => {
    const worker = new PlayedWorker().join(announcement({ term: 2 }));
    assert.deepEqual(worker.take(order({ term: 1, round: 9 })), []);
    worker.take(order({ term: 2, round: 9 }));
    assert.equal(worker.take(order({ term: 3, round: 4, ranges: [] }))[0], 'keep shards ');
  });

  it('begins no round before the first that it is about', () => {
    const worker = new PlayedWorker().join();
    worker.take(order({ round: 3 }));
    assert.deepEqual(worker.take(phi(1)), []);
    assert.deepEqual(worker.take(phi(2)), ['start windows 3 shards 0,1']);
  });

  it('computes nothing before it has joined a run', () => {
    const worker = new PlayedWorker();
    assert.deepEqual(worker.take(order()), ['keep shards 0,1', 'keep copies ']);
    assert.deepEqual(worker.take(phi(0)), []);
  });
});

describe('workerStep() on φ', () => {
  it('computes a window of each shard under it, in the episodes of a horizon that has grown so often', () => {
    const worker = orderedWorker();
    worker.take(phi(4, { grown: [2] }));
    const { config, digest } = worker.state.run!;
    const session = { config, digest };
    const { timeline, ...rest } = worker.newest('windows').order;
    assert.deepEqual(rest, { session, round: 5, phi: phiOf(4), shards: [0, 1], hashed: new Set() });
    assert.equal(timeline, timelineAt(config, [2]));
    worker.take(phi(5));
    assert.equal(worker.newest('windows').order.timeline, timelineAt(config, []));
  });

  it('sends again what is done of the round, and begins nothing twice', () => {
    const worker = orderedWorker();
    worker.take(phi(0));
    assert.deepEqual(worker.take(phi(0)), []);
    worker.compute();
    assert.deepEqual(worker.take(phi(0)), RESULTS_OF_1);
  });

  it('ignores one of a lower term than its run, and one of an earlier round', () => {
    const worker = new PlayedWorker().join(announcement({ term: 2 }));
    worker.take(order({ term: 2 }));
    assert.deepEqual(worker.take(phi(3, { term: 1 })), []);
    assert.deepEqual(worker.take(phi(3, { term: 2 })), ['start windows 4 shards 0,1']);
    assert.deepEqual(worker.take(phi(2, { term: 2 })), []);
    assert.equal(worker.state.phi?.round, 3);
  });

  it('computes nothing while no shard is ordered', () => {
    const worker = new PlayedWorker().join();
    assert.deepEqual(worker.take(phi(0)), []);
    worker.take(order({ ranges: [] }));
    assert.deepEqual(worker.take(phi(1)), []);
  });
});

describe('workerStep() on windows that are computed', () => {
  it('sends the hashes of doubled shards, then the sums, and says once what was replayed', () => {
    const worker = new PlayedWorker().join(announcement({ doubleCheck: 0.9999 }));
    worker.take(order());
    worker.take(phi(0));
    worker.compute();
    const head = { worker: 'w', digest: 'd', round: 1 };
    const vote = (index: number) => ({ type: 'vote', ...head, node: { level: 0, index }, hash: `hash ${index}` });
    const result = (shard: number, replayed: number) => ({ type: 'result', ...head, node: nodeOf(shard, 1), replayed });
    assert.deepEqual(worker.actions, [
      ...[vote(0), vote(1), result(0, 3), result(1, 0)].map((message) => ({ type: 'send', message })),
      { type: 'tell-computed', round: 1, measures: { windows: 2, replayed: 3, seconds: 0.5 } },
    ]);
  });

  it('has the shards hashed that are drawn for their episode', () => {
    const doubleCheck = 0.4;
    const worker = new PlayedWorker().join(announcement({ doubleCheck }));
    worker.take(order({ ranges: [{ first: 0, end: 8 }] }));
    const all = new Set<string>();
    for (let round = 1; round <= 6; round++) {
      worker.take(phi(round - 1));
      const { order: windows } = worker.newest('windows');
      // two windows an episode
      const drawn = windows.shards.filter((shard) =>
        isDoubled(windows.session.config, shard, Math.floor((round - 1) / 2), doubleCheck),
      );
      assert.deepEqual([...windows.hashed!], drawn);
      all.add(drawn.join());
    }
    assert.equal(all.size, 3, 'episodes must differ for the test to tell anything');
  });

  it('leaves when they cannot be computed', () => {
    const worker = orderedWorker();
    worker.take(phi(0));
    const actions = worker.take({ type: 'failed', work: worker.newest('windows'), error: new Error('broken') });
    assert.deepEqual(actions, ['leave', 'goodbye: broken', 'tell released', 'tell failed: broken']);
  });
});

describe('workerStep() on announcements of the round that it computes', () => {
  it('sends its results again at the second, the fourth and the eighth, and anew for the next φ', () => {
    const worker = orderedWorker();
    for (const round of [0, 1]) {
      worker.take(phi(round));
      worker.compute();
      const again: number[] = [];
      for (let count = 1; count <= 9; count++) {
        const [, ...sent] = worker.take(announcement({ round }));
        if (sent.length > 0) again.push(count);
        if (sent.length > 0)
          assert.deepEqual(
            sent,
            [0, 1].map((shard) => `result ${round + 1} node 0/${shard}`),
          );
      }
      assert.deepEqual(again, [2, 4, 8]);
    }
  });

  it('does not start over with the same φ', () => {
    const worker = orderedWorker();
    worker.take(phi(0));
    worker.compute();
    for (let count = 1; count <= 3; count++) worker.take(announcement());
    worker.take(phi(0));
    assert.deepEqual(worker.take(announcement()), ['heartbeat 0-2', ...RESULTS_OF_1]);
  });

  it('keeps the results of the last two rounds', () => {
    const worker = orderedWorker();
    for (let round = 0; round < 3; round++) {
      worker.take(phi(round));
      worker.compute();
    }
    const resent = (round: number) => {
      for (let count = 0; count < 100; count++) {
        const [, ...sent] = worker.take(announcement({ round }));
        if (sent.length > 0) return sent;
      }
      return [];
    };
    assert.deepEqual(resent(2), ['result 3 node 0/0', 'result 3 node 0/1']);
    assert.deepEqual(resent(1), ['result 2 node 0/0', 'result 2 node 0/1']);
    assert.deepEqual(resent(0), []);
  });
});

describe('workerStep() on a new term', () => {
  /** Has sent round 4, and computes round 5. */
  function atRound5(): PlayedWorker {
    const worker = orderedWorker();
    worker.take(phi(3));
    worker.compute();
    worker.take(phi(4));
    return worker;
  }

  it('forgets what it computed and read when its φ is of a lower round, and computes that again', () => {
    const worker = atRound5();
    const again = ['forget shards', 'forget history', 'start windows 4 shards 0,1'];
    assert.deepEqual(worker.take(phi(3, { term: 2 })), again);
  });

  it('forgets them when it is announced at a lower round, and says hello', () => {
    const worker = atRound5();
    const actions = worker.take(announcement({ term: 2, round: 3 }));
    assert.deepEqual(actions, ['forget shards', 'forget history', 'hello']);
    assert.deepEqual(worker.take(phi(3, { term: 2 })), ['start windows 4 shards 0,1']);
  });

  it('forgets nothing at its own round or a later one, nor twice in a term', () => {
    for (const round of [4, 5])
      assert.ok(
        !atRound5()
          .take(phi(round, { term: 2 }))
          .includes('forget shards'),
      );
    const worker = atRound5();
    worker.take(announcement({ term: 2, round: 4 }));
    assert.deepEqual(worker.take(phi(3, { term: 2 })), []);
  });

  it('sends nothing of what was under way, and does not leave when that fails', () => {
    const worker = atRound5();
    const old = worker.newest('windows');
    worker.take(phi(3, { term: 2 }));
    assert.deepEqual(worker.compute(old), []);
    const failing = atRound5();
    const work = failing.newest('windows');
    failing.take(phi(3, { term: 2 }));
    assert.deepEqual(failing.take({ type: 'failed', work, error: new Error('broken') }), []);
    assert.equal(failing.state.left, false);
  });
});
