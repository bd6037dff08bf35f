import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hello, inShort } from '../fixtures/actions.js';
import { DIGEST, NOW, PlayedMembership } from '../fixtures/played-membership.js';

describe('Membership', () => {
  it('tick() gives the shards of workers that are silent to the others, each of which is told once', () => {
    const played = new PlayedMembership({ silence: 5 }).join('a', 'b', 'c');
    played.open(1);
    const { membership } = played;
    for (let now = NOW + 1; now <= NOW + 5; now++) {
      played.live(now, 'b');
      assert.deepEqual(membership.tick(now), []);
    }
    assert.deepEqual(inShort(membership.tick(NOW + 5.5)), [
      'warn: Worker a is silent: its shards go to others',
      'tell reassigned: a, silent',
      'warn: Worker c is silent: its shards go to others',
      'tell reassigned: c, silent',
      'b: order 0-12',
      'b: φ 0',
    ]);
    assert.deepEqual(membership.tick(NOW + 6), []);
  });

  it('tick() takes a hello as a sign of life', () => {
    const played = new PlayedMembership({ silence: 5 }).join('a', 'b');
    played.open(1);
    const { membership } = played;
    for (const now of [2, 4, 6, 8]) {
      played.live(NOW + now, 'a');
      membership.welcome(hello('b', DIGEST), NOW + now);
      assert.deepEqual(membership.tick(NOW + now), []);
    }
  });

  it('tick() blames nobody for a time in which this process itself slept', () => {
    const played = new PlayedMembership({ silence: 5, deadlines: { first: 20 } }).join('a', 'b');
    played.open(1);
    const { membership } = played;
    assert.deepEqual(membership.tick(NOW), []);
    played.finish(NOW + 1, 'a');
    // neither as silent nor as late: what they sent meanwhile comes first
    assert.deepEqual(membership.tick(NOW + 30), []);
    played.finish(NOW + 30, 'b');
    for (const now of [31, 32, 33, 34, 35]) {
      played.live(NOW + now, 'a');
      assert.deepEqual(membership.tick(NOW + now), []);
    }
    assert.match(inShort(membership.tick(NOW + 35.1))[0]!, /Worker b is silent/);
  });

  it('tick() relieves a worker that is late, which has a smaller share of the next episodes', () => {
    const played = new PlayedMembership({ deadlines: { first: 20, factor: 5, least: 1 } }).join('a', 'b');
    played.open(1);
    played.finish(NOW + 6, 'a', 'b');
    // a second a window: six windows are late after five times six
    played.open(2, NOW + 6);
    played.finish(NOW + 12, 'a');
    const tick = (now: number) => {
      played.live(NOW + now, 'a', 'b');
      return inShort(played.membership.tick(NOW + now));
    };
    for (let now = 12; now < 36; now += 2) assert.deepEqual(tick(now), []);
    assert.deepEqual(tick(36), [
      'warn: Worker b is late: its shards go to others',
      'b: order',
      'tell reassigned: b, late',
      'a: order 0-12',
      'a: φ 1',
    ]);
    assert.deepEqual(played.open(3), ['all: φ 2']);
    // weights 1 and 5/8
    assert.deepEqual(played.open(4), ['a: order 0-7', 'b: order 7-12', 'all: φ 3']);
    // 1 and 25/32, then 1 and 125/128
    assert.deepEqual(played.open(7), ['all: φ 6']);
    assert.deepEqual(played.open(10), ['a: order 0-6', 'b: order 6-12', 'all: φ 9']);
  });

  it('tick() leaves a late worker its shards if they are here already, or nobody else could do better', () => {
    const played = new PlayedMembership({ deadlines: { first: 10 } }).join('a', 'b');
    played.open(1);
    const { membership } = played;
    played.finish(NOW, 'a');
    // those of b came from another one
    for (let shard = 0; shard < 12; shard++) played.here.add(shard);
    for (let now = 1; now < 12; now++) {
      played.live(NOW + now, 'a', 'b');
      assert.deepEqual(membership.tick(NOW + now), []);
    }
    played.open(2, NOW + 12);
    for (let now = 12; now < 60; now++) {
      played.live(NOW + now, 'a', 'b');
      assert.deepEqual(membership.tick(NOW + now), []);
    }
  });

  it('tick() gives a worker that must replay what others had the time for it', () => {
    const played = new PlayedMembership({ deadlines: { first: 20, factor: 5, least: 1 }, silence: 1e9 }).join('a', 'b');
    const { membership } = played;
    for (const round of [1, 2]) {
      played.open(round, NOW + 6 * round);
      // a second a window
      played.finish(NOW + 6 * (round + 1), 'a', 'b');
    }
    played.open(3, NOW + 18);
    membership.leave('b', 'left', NOW + 18);
    played.join('c');
    // twelve shards with two windows each to replay: late after 5·12·3 s
    const late = (now: number) => membership.tick(NOW + now).length > 0;
    let now = 18;
    while (!late(now)) now += 2;
    assert.equal(now, 18 + 180);
  });
});
