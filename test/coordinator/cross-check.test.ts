import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { CrossCheck } from '../../coordinator/cross-check.js';
import { Membership } from '../../coordinator/membership.js';
import { OpenRound } from '../../coordinator/round.js';
import { hashOfNode } from '../../shared/double-computation.js';
import type { NodePlace, TreeNode } from '../../shared/sum-tree.js';
import { timelineAt } from '../../shared/timeline.js';
import { hello, inShort } from '../fixtures/actions.js';
import { runConfig } from '../fixtures/run-config.js';

/** Four shards; an episode has two windows. */
const CONFIG = runConfig({ shards: 4 });
const NOW = 50;

/** A leaf of the sum, or the hash of one, whose bits are those of a value. */
function leaf(index: number, value: number): TreeNode {
  const metaGradient = Float32Array.of(value);
  return { level: 0, index, metaGradient, loss: value, finalLoss: value, healthy: 2, problems: 2 };
}

describe('CrossCheck', () => {
  let membership: Membership;
  let check: CrossCheck;
  let round: OpenRound;

  /** Workers join, and share round 5 out between them. */
  function begin(...workers: string[]): void {
    membership = new Membership({
      digest: 'd',
      config: CONFIG,
      term: 1,
      fingerprint: null,
      doubledShare: 0,
      draw: () => 0,
    });
    check = new CrossCheck(membership);
    for (const worker of workers) membership.welcome(hello(worker, 'd'), NOW);
    open(5);
  }

  function open(number: number): void {
    round = new OpenRound(number, CONFIG.shards);
    check.open(round);
    const phi = { type: 'phi', term: 1, round: number - 1, phi: new Float32Array(1) } as const;
    membership.open(round, timelineAt(CONFIG, []), phi, NOW);
  }

  /** A worker sends a leaf. */
  function send(worker: string, index: number, value: number, of = round): string[] {
    const node = leaf(index, value);
    return inShort(check.look(worker, of, node, of.add(worker, node), NOW));
  }

  /** A worker sends the hash of a leaf. */
  function vote(worker: string, index: number, value: number, of = round): string[] {
    const place: NodePlace = { level: 0, index };
    return inShort(check.look(worker, of, place, of.vote(worker, place, hashOfNode(leaf(index, value))), NOW));
  }

  beforeEach(() => begin('a', 'b', 'c'));

  it('counts copies that are the same, whether a node or its hash came', () => {
    assert.deepEqual(send('a', 0, 1), []);
    assert.equal(check.takeCompared(), 0);
    assert.deepEqual(vote('b', 0, 1), []);
    assert.deepEqual(vote('b', 3, 4), []);
    assert.deepEqual(send('c', 3, 4), []);
    // the same again says nothing new
    assert.deepEqual(send('a', 0, 1), []);
    assert.deepEqual(vote('b', 0, 1), []);
    assert.equal(check.takeCompared(), 2);
    assert.equal(check.takeCompared(), 0);
    assert.equal(check.isDisputed, false);
  });

  it('has a third worker decide between two, and bans the odd one', () => {
    send('a', 0, 1);
    assert.deepEqual(vote('b', 0, 2), [
      'warn: Cannot go on with round 5: workers b and a sent other bits for node 0/0; worker c decides',
      'c: order 3-4 +0/0',
      'c: φ 4',
    ]);
    assert.equal(check.isDisputed, true);
    // a is odd: its shard is computed by others, and its sum is not the round's any more
    assert.deepEqual(vote('c', 0, 2), [
      'c: order 3-4',
      'c: φ 4',
      'error: Worker a is banned from the run: it computes other bits than others do: those of node 0/0 in round 5',
      'a: refuse, as it computes other bits than others do: those of node 0/0 in round 5',
      'tell reassigned: a, banned',
      'b: order 0-3',
      'b: φ 4',
      'tell banned: a, round 5, node 0/0',
    ]);
    assert.equal(check.isDisputed, false);
    assert.equal(membership.has('a'), false);
    assert.equal(round.has(0), false);
  });

  it('fails if there is no third worker', () => {
    begin('a', 'b');
    send('a', 1, 1);
    const said = 'Cannot go on with round 5: workers b and a sent other bits for node 0/1';
    assert.deepEqual(vote('b', 1, 2), [`fail: InconsistencyError: ${said}, and there is no third one to decide`]);
  });

  it('asks again when the one who was asked has gone, and fails when nobody is left', () => {
    begin('a', 'b', 'c', 'd');
    send('a', 0, 1);
    assert.match(vote('b', 0, 2).join('\n'), /worker c decides\nc: order 2-3 \+0\/0/);
    membership.leave('c', 'left', NOW);
    assert.equal(membership.asked({ level: 0, index: 0 }), 'd');
    assert.deepEqual(inShort(check.review(NOW)), []);
    membership.leave('d', 'left', NOW);
    const said = 'Cannot go on with round 5: workers b and a sent other bits for node 0/0';
    assert.deepEqual(inShort(check.review(NOW)), [
      `fail: InconsistencyError: ${said}, and there is no third one to decide`,
    ]);
  });

  it('asks a fourth worker if the third agrees with neither', () => {
    begin('a', 'b', 'c', 'd');
    send('a', 0, 1);
    vote('b', 0, 2);
    assert.deepEqual(vote('c', 0, 3), ['c: order 2-3', 'd: order 3-4 +0/0', 'c: φ 4', 'd: φ 4']);
    const after = vote('d', 0, 1).join('\n');
    assert.match(after, /tell banned: b, round 5, node 0\/0/);
    assert.match(after, /tell banned: c, round 5, node 0\/0/);
    assert.deepEqual(
      membership.members.map(({ id }) => id),
      ['a', 'd'],
    );
    assert.equal(round.has(0), true);
  });

  it('settles what else was in dispute with a worker that is banned', () => {
    send('a', 0, 1);
    vote('b', 0, 2);
    send('a', 1, 1);
    vote('b', 1, 2);
    assert.equal(check.isDisputed, true);
    vote('c', 0, 2);
    assert.equal(check.isDisputed, false);
    assert.deepEqual(
      membership.members.flatMap(({ copies }) => copies),
      [],
    );
  });

  it('bans a worker that contradicts itself, or fails if it is alone', () => {
    send('a', 0, 1);
    assert.match(send('a', 0, 2).join('\n'), /tell banned: a, round 5, node 0\/0/);
    // what it says of a node, and the node
    vote('b', 1, 1);
    assert.match(send('b', 1, 2).join('\n'), /tell banned: b, round 5, node 0\/1/);
    begin('a');
    send('a', 0, 1);
    const said = 'Cannot go on with round 5: workers a and a sent other bits for node 0/0';
    assert.deepEqual(send('a', 0, 2), [`fail: InconsistencyError: ${said}`]);
  });

  it('fails with the way back if the round is closed: its sum has gone into φ', () => {
    send('a', 0, 1);
    round.closed = true;
    const said = 'Cannot go on after round 5: workers b and a sent other bits for node 0/0';
    const wayBack = '--resume --from-round 4 goes back to before it';
    assert.deepEqual(vote('b', 0, 2), [`fail: InconsistencyError: ${said}; ${wayBack}`]);
    const own = 'Cannot go on after round 5: workers a and a sent other bits for node 0/0';
    assert.deepEqual(send('a', 0, 2), [`fail: InconsistencyError: ${own}; ${wayBack}`]);
  });

  it('remembers the two rounds before the open one', () => {
    for (const number of [6, 7, 8]) open(number);
    assert.deepEqual(
      [4, 5, 6, 7, 8, 9].map((number) => check.round(number)?.number),
      [undefined, undefined, 6, 7, 8, undefined],
    );
    const before = check.round(6)!;
    before.closed = true;
    vote('a', 2, 1, before);
    assert.match(vote('b', 2, 2, before)[0]!, /^fail: InconsistencyError: Cannot go on after round 6/);
  });
});
