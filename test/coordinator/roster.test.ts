import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Roster } from '../../coordinator/roster.js';
import type { ShardRange } from '../../shared/messages.js';

/** What every member has, by name. */
function assigned(roster: Roster): Record<string, [number, number][]> {
  const pairs = (ranges: readonly ShardRange[]) => ranges.map(({ first, end }): [number, number] => [first, end]);
  return Object.fromEntries(roster.members.map(({ id, ranges }) => [id, pairs(ranges)]));
}

function newcomer(id: string, incarnation: number, threads: number) {
  return { id, address: id, fingerprint: 'f', incarnation, threads };
}

describe('Roster', () => {
  it('gives everything to the first worker, and to others in proportion to their threads at the next episode', () => {
    const roster = new Roster(13);
    roster.add(newcomer('a', 1, 1));
    roster.add(newcomer('b', 1, 2));
    assert.deepEqual(assigned(roster), { a: [[0, 13]], b: [] });
    assert.deepEqual(
      roster.rebalance().map(({ id }) => id),
      ['a', 'b'],
    );
    assert.deepEqual(assigned(roster), { a: [[0, 4]], b: [[4, 13]] });
    assert.deepEqual(roster.rebalance(), []);
  });

  it('deals the shards of a worker that is gone to the others, and moves nothing else', () => {
    const roster = new Roster(12);
    for (const id of ['a', 'b', 'c']) roster.add(newcomer(id, 1, 1));
    roster.rebalance();
    assert.deepEqual(assigned(roster), { a: [[0, 4]], b: [[4, 8]], c: [[8, 12]] });
    assert.equal(roster.remove('b').length, 2);
    assert.deepEqual(assigned(roster), { a: [[0, 6]], c: [[6, 12]] });
    roster.remove('a');
    assert.deepEqual(assigned(roster), { c: [[0, 12]] });
    roster.remove('c');
    roster.add(newcomer('d', 1, 4));
    assert.deepEqual(assigned(roster), { d: [[0, 12]] });
  });

  it('relieves a worker that is late, which stays without shards until the next episode', () => {
    const roster = new Roster(6);
    for (const id of ['a', 'b', 'c']) roster.add(newcomer(id, 1, 1));
    roster.rebalance();
    roster.get('c')!.weight = 0.5;
    roster.relieve('c', [roster.get('a')!]);
    assert.deepEqual(assigned(roster), {
      a: [
        [0, 2],
        [4, 6],
      ],
      b: [[2, 4]],
      c: [],
    });
    roster.rebalance();
    assert.deepEqual(assigned(roster), { a: [[0, 2]], b: [[2, 5]], c: [[5, 6]] });
  });

  it('gives all shards to the members of each engine as long as engines are apart', () => {
    const roster = new Roster(6);
    roster.apart = true;
    const other = (id: string) => ({ ...newcomer(id, 1, 64), fingerprint: 'other' });
    roster.add(newcomer('a', 1, 1));
    roster.add(other('x'));
    roster.add(newcomer('b', 1, 1));
    assert.deepEqual(assigned(roster), { a: [[0, 6]], x: [[0, 6]], b: [] });
    roster.rebalance();
    assert.deepEqual(assigned(roster), { a: [[0, 3]], x: [[0, 6]], b: [[3, 6]] });
    // nobody takes over from another engine
    assert.deepEqual(roster.relieve('x', [roster.get('a')!]), []);
    assert.deepEqual(roster.remove('x'), []);
    assert.deepEqual(assigned(roster), { a: [[0, 3]], b: [[3, 6]] });
    roster.apart = false;
    roster.add({ ...other('y'), threads: 1 });
    roster.rebalance();
    assert.deepEqual(assigned(roster), { a: [[0, 2]], b: [[2, 4]], y: [[4, 6]] });
  });

  it('covers every shard once, whoever comes and goes', () => {
    const roster = new Roster(29);
    let state = 1;
    for (let step = 0; step < 300; step++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      const id = `w${state % 7}`;
      const other = roster.members.filter((member) => member.id !== id);
      if (!roster.get(id)) roster.add(newcomer(id, step, 1 + (step % 3)));
      else if (step % 5 === 0) roster.rebalance();
      else if (step % 3 === 0) roster.relieve(id, other);
      else if (other.length > 0) roster.remove(id);
      const shards = roster.members.flatMap(({ ranges }) =>
        ranges.flatMap(({ first, end }) => Array.from({ length: end - first }, (_, i) => first + i)),
      );
      assert.deepEqual(
        shards.sort((a, b) => a - b),
        Array.from({ length: 29 }, (_, i) => i),
      );
    }
  });
});
