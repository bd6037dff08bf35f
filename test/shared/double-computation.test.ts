import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { verdictOf } from '../../coordinator/votes.js';
import { hashOfNode, isDoubled } from '../../shared/double-computation.js';

const NODE = { metaGradient: Float32Array.of(1, -0.5), loss: 2, finalLoss: 3, healthy: 4, problems: 5 };

describe('isDoubled()', () => {
  it('draws 1 % of the shards of every episode, others for another seed and member', () => {
    const drawn = (seed: number, member: number) => {
      const all: string[] = [];
      for (let episode = 0; episode < 100; episode++) {
        for (let shard = 0; shard < 1000; shard++) {
          if (isDoubled({ seed, member }, shard, episode)) all.push(`${shard}/${episode}`);
        }
      }
      return all;
    };
    const [first, again, otherSeed, otherMember] = [drawn(3, 0), drawn(3, 0), drawn(4, 0), drawn(3, 1)];
    // 1000 of 100 000 expected, with a standard deviation of 31
    for (const each of [first, otherSeed, otherMember]) assert.ok(Math.abs(each.length - 1000) < 130, `${each.length}`);
    assert.deepEqual(first, again);
    for (const other of [otherSeed, otherMember]) {
      assert.ok(first.filter((place) => other.includes(place)).length < 50);
    }
  });

  it('draws all with a share of 1, and none with 0', () => {
    for (let shard = 0; shard < 100; shard++) {
      assert.deepEqual(
        [0, 1].map((share) => isDoubled({ seed: 0, member: 0 }, shard, 0, share)),
        [false, true],
      );
    }
  });
});

describe('hashOfNode()', () => {
  it('differs with every bit, and not with the place', () => {
    const hash = hashOfNode(NODE);
    assert.equal(hashOfNode({ ...NODE, ...{ level: 3, index: 1 } }), hash);
    assert.equal(hashOfNode({ ...NODE, metaGradient: new Float32Array([9, 1, -0.5]).subarray(1) }), hash);
    const flipped = new Float32Array(NODE.metaGradient);
    new Uint32Array(flipped.buffer)[1]! ^= 1;
    const others = [
      { metaGradient: flipped },
      { loss: 2 + 2 ** -51 },
      { loss: 3, finalLoss: 2 },
      { healthy: 3 },
      { problems: 6 },
      { metaGradient: Float32Array.of(1, -0.5, 0) },
    ];
    const hashes = others.map((other) => hashOfNode({ ...NODE, ...other }));
    assert.equal(new Set([hash, ...hashes]).size, 1 + others.length);
  });
});

describe('verdictOf()', () => {
  it('leaves two that differ open, and names whoever a majority disagrees with', () => {
    const verdict = (...hashes: string[]) => verdictOf(new Map(hashes.map((hash, i) => [`w${i}`, hash])));
    for (const same of [[], ['a'], ['a', 'a'], ['a', 'a', 'a']]) assert.deepEqual(verdict(...same), { type: 'same' });
    for (const open of [
      ['a', 'b'],
      ['a', 'b', 'c'],
      ['a', 'b', 'a', 'b'],
    ]) {
      assert.deepEqual(verdict(...open), { type: 'open' });
    }
    assert.deepEqual(verdict('a', 'b', 'a'), { type: 'odd', workers: ['w1'] });
    assert.deepEqual(verdict('b', 'a', 'c', 'a'), { type: 'odd', workers: ['w0', 'w2'] });
  });
});
