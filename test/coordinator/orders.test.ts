import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Orders } from '../../coordinator/orders.js';
import type { Member } from '../../coordinator/roster.js';

/** A member that advances shards [first, end). */
function member(address: string, first: number, end: number, copies: Member['copies'] = []): Member {
  const ranges = first < end ? [{ first, end }] : [];
  return { id: address, address, fingerprint: 'f', incarnation: 1, threads: 1, weight: 1, ranges, copies };
}

const node = (level: number, index: number) => ({ level, index });

describe('Orders', () => {
  it('advances() within what was ordered while a round was open, or in the round before, and no further', () => {
    const orders = new Orders(8);
    orders.open(3, [member('a', 0, 4), member('b', 4, 8)]);
    assert.deepEqual(
      [node(2, 0), node(0, 3), node(1, 1)].map((each) => orders.advances('a', 3, each)),
      [true, true, true],
    );
    // the root, the other's half, a worker that nothing was ordered of, a round that is long past
    assert.equal(orders.advances('a', 3, node(3, 0)), false);
    assert.equal(orders.advances('a', 3, node(2, 1)), false);
    assert.equal(orders.advances('c', 3, node(0, 0)), false);
    assert.equal(orders.advances('a', 1, node(0, 0)), false);
    // b is relieved, and a takes over in the middle
    orders.add(member('b', 0, 0));
    orders.add(member('a', 0, 8));
    assert.deepEqual([orders.advances('b', 3, node(2, 1)), orders.advances('a', 3, node(3, 0))], [true, true]);
    orders.open(4, [member('a', 0, 8)]);
    assert.equal(orders.advances('b', 4, node(2, 1)), true);
    orders.open(5, [member('a', 0, 8)]);
    assert.equal(orders.advances('b', 5, node(2, 1)), false);
    // of a round whose nodes are still compared
    assert.equal(orders.advances('b', 3, node(2, 1)), true);
    for (const round of [6, 7, 8]) orders.open(round, []);
    assert.equal(orders.advances('b', 3, node(2, 1)), false);
  });

  it('a node without a right child is its left child', () => {
    const orders = new Orders(5);
    orders.open(1, [member('a', 4, 5)]);
    assert.equal(orders.advances('a', 1, node(2, 1)), true);
    assert.equal(orders.advances('a', 1, node(3, 0)), false);
  });

  it('copies() are those nodes alone that were ordered', () => {
    const orders = new Orders(8);
    orders.open(1, [member('a', 0, 4, [node(1, 2)])]);
    orders.add(member('a', 0, 4, [node(0, 7)]));
    const asked = [node(1, 2), node(0, 7), node(0, 4), node(2, 1)];
    assert.deepEqual(
      asked.map((each) => orders.copies('a', 1, each)),
      [true, true, false, false],
    );
    assert.equal(orders.copies('b', 1, node(1, 2)), false);
  });
});
