/** Nodes of others' shards that a worker computes a second time. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hashOfNode } from '../../shared/double-computation.js';
import { hashOfCopy } from '../../worker/role/copies.js';
import { announcement, nodeOf, order, PlayedWorker, phi } from '../fixtures/played-worker.js';

const NODE = { level: 0, index: 5 };

/** Advances no shard, and follows these nodes. */
function copying(...nodes: { level: number; index: number }[]): PlayedWorker {
  const worker = new PlayedWorker().join();
  worker.take(order({ ranges: [], copies: nodes }));
  return worker;
}

describe('workerStep() of a worker with copies', () => {
  it('begins them after its own shards, over all shards of their nodes', () => {
    const worker = new PlayedWorker().join();
    worker.take(order({ copies: [NODE, { level: 1, index: 3 }] }));
    assert.deepEqual(worker.take(phi(0)), [
      'start windows 1 shards 0,1',
      'start copy 1 node 0/5 shards 5',
      'start copy 1 node 1/3 shards 6,7',
    ]);
    assert.equal(worker.newest('copy').order.hashed, undefined);
    assert.deepEqual(worker.take(phi(0)), []);
  });

  it('answers with a hash, which it sends again with the results', () => {
    const worker = copying(NODE);
    worker.take(phi(0));
    worker.computeCopy();
    const hash = hashOfNode({ ...nodeOf(0, 1), ...NODE });
    const vote = { type: 'vote', worker: 'w', digest: 'd', round: 1, node: NODE, hash };
    assert.deepEqual(worker.actions, [{ type: 'send', message: vote }]);
    assert.deepEqual(worker.take(phi(0)), ['vote 1 node 0/5']);
    worker.take(announcement());
    assert.deepEqual(worker.take(announcement()), ['heartbeat 0/5', 'vote 1 node 0/5']);
  });

  it('computes the rounds of a copy one after another, and leaves out those more than a round behind', () => {
    const worker = copying(NODE);
    worker.take(phi(0));
    const first = worker.newest('copy');
    for (const round of [1, 2, 3, 4]) assert.deepEqual(worker.take(phi(round)), []);
    assert.deepEqual(worker.computeCopy(first), ['vote 1 node 0/5', 'start copy 4 node 0/5 shards 5']);
    assert.deepEqual(worker.take(phi(5)), []);
    assert.deepEqual(worker.computeCopy(), ['vote 4 node 0/5', 'start copy 5 node 0/5 shards 5']);
    assert.deepEqual(worker.computeCopy(), ['vote 5 node 0/5', 'start copy 6 node 0/5 shards 5']);
    assert.deepEqual(worker.computeCopy(), ['vote 6 node 0/5']);
    assert.deepEqual(worker.take(phi(6)), ['start copy 7 node 0/5 shards 5']);
    assert.equal(worker.newest('copy').copy, first.copy);
  });

  it('goes on with a copy that stays ordered, and drops the states of the others', () => {
    const worker = copying(NODE, { level: 0, index: 6 });
    worker.take(phi(0));
    const [kept, dropped] = worker.works.filter((work) => work.type === 'copy');
    const actions = worker.take(order({ ranges: [], copies: [{ level: 0, index: 7 }, NODE] }));
    const added = worker.newest('copy');
    assert.deepEqual(actions, [
      'keep shards ',
      `keep copies ${kept!.copy},${added.copy}`,
      'tell ordered 0',
      'start copy 1 node 0/7 shards 7',
    ]);
    worker.take(phi(1));
    assert.deepEqual(worker.computeCopy(kept), ['vote 1 node 0/5', 'start copy 2 node 0/5 shards 5']);
    assert.deepEqual(worker.computeCopy(dropped), ['vote 1 node 0/6']);
  });

  it('begins a copy anew that was given away and came back', () => {
    const worker = copying(NODE);
    worker.take(phi(0));
    const before = worker.newest('copy');
    worker.take(order({ ranges: [], copies: [] }));
    assert.equal(worker.take(order({ ranges: [], copies: [NODE] })).at(-1), 'start copy 1 node 0/5 shards 5');
    assert.notEqual(worker.newest('copy').copy, before.copy);
    worker.take(phi(1));
    // what it was to compute next is computed after its own round 1
    assert.deepEqual(worker.computeCopy(before), ['vote 1 node 0/5']);
    assert.deepEqual(worker.computeCopy(), ['vote 1 node 0/5', 'start copy 2 node 0/5 shards 5']);
  });

  it('computes them again when a new term goes back, and sends nothing of what was under way', () => {
    const worker = copying(NODE);
    worker.take(phi(4));
    const old = worker.newest('copy');
    const again = ['forget shards', 'forget history', 'start copy 4 node 0/5 shards 5'];
    assert.deepEqual(worker.take(phi(3, { term: 2 })), again);
    assert.deepEqual(worker.computeCopy(old), []);
    assert.deepEqual(worker.take({ type: 'failed', work: old, error: new Error('broken') }), []);
    assert.deepEqual(worker.computeCopy(), ['vote 4 node 0/5']);
  });

  it('leaves when one cannot be computed', () => {
    const worker = copying(NODE);
    worker.take(phi(0));
    const actions = worker.take({ type: 'failed', work: worker.newest('copy'), error: new Error('broken') });
    assert.deepEqual(actions, ['leave', 'goodbye: broken', 'tell released', 'tell failed: broken']);
  });
});

describe('hashOfCopy()', () => {
  it('is that of the whole node, and not that of any part if sums were kept apart', () => {
    const parts = [nodeOf(0, 1), nodeOf(1, 1)];
    const computed = { hashes: [], replayed: 0 };
    assert.equal(hashOfCopy({ ...computed, nodes: parts.slice(0, 1) }), hashOfNode(parts[0]!));
    for (const part of parts) assert.notEqual(hashOfCopy({ ...computed, nodes: parts }), hashOfNode(part));
  });
});
