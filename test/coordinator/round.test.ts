import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OpenRound } from '../../coordinator/round.js';
import { hashOfNode } from '../../shared/double-computation.js';

/** A node whose sum is this value. */
function node(level: number, index: number, value: number) {
  const metaGradient = Float32Array.of(value);
  return { level, index, metaGradient, loss: 0, finalLoss: 0, healthy: 1, problems: 1 };
}

/** What the sum is made of: whose nodes, and which. */
function partsOf(round: OpenRound): string[] {
  return round.parts.map(({ worker, node: { level, index } }) => `${worker} ${level}/${index}`).sort();
}

describe('OpenRound', () => {
  it('parts are what the sum is made of, and not a larger node that came when it was complete', () => {
    const round = new OpenRound(1, 4);
    for (const index of [0, 1]) round.add('liar', node(0, index, -1000));
    round.add('b', node(1, 0, 3));
    round.add('c', node(1, 1, 5));
    assert.equal(round.root?.metaGradient[0], -1995);
    assert.deepEqual(partsOf(round), ['c 1/1', 'liar 0/0', 'liar 0/1']);
    // that others agree on the larger node says nothing of the leaves
    round.vote('c', { level: 1, index: 0 }, hashOfNode(node(1, 0, 3)));
    assert.deepEqual(
      round.parts.map(({ node: part }) => round.isConfirmed(part)),
      [false, false, false],
    );
    round.withdraw('liar');
    assert.equal(round.root?.metaGradient[0], 8);
    assert.deepEqual(partsOf(round), ['b 1/0', 'c 1/1']);
    assert.equal(round.isConfirmed(round.parts.find(({ worker }) => worker === 'b')!.node), true);
  });

  it('parts lose what a larger node takes the place of', () => {
    const round = new OpenRound(1, 5);
    for (const index of [0, 4]) round.add('a', node(0, index, 1));
    round.add('b', node(2, 0, 10));
    assert.deepEqual(partsOf(round), ['a 0/4', 'b 2/0']);
    assert.equal(round.root?.metaGradient[0], 11);
  });
});
