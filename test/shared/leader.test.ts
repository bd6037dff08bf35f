import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Freshness, newSession } from '../../shared/bus/freshness.js';
import { Leader } from '../../shared/bus/leader.js';
import { decodePacket, encodePacket } from '../../shared/bus/packet.js';

function announcer(term: number, name: string) {
  return { term, keys: { sign: `${name} signs`, agree: `${name} agrees` } };
}

describe('Leader', () => {
  it('hear() follows the first, then a higher term, and another of no higher term only after a silence', () => {
    let now = 0;
    const leader = new Leader({ now: () => now });
    assert.equal(leader.isHeard, false);
    assert.equal(leader.hear(announcer(3, 'a')), undefined);
    assert.equal(leader.hear(announcer(3, 'b')), 'another coordinator of the run is followed');
    assert.equal(leader.hear(announcer(1, 'b')), 'another coordinator of the run is followed');
    assert.equal(leader.keys?.sign, 'a signs');
    assert.equal(leader.hear(announcer(4, 'b')), undefined);
    assert.equal(leader.keys?.sign, 'b signs');
    now = 4999;
    assert.notEqual(leader.hear(announcer(1, 'c')), undefined);
    assert.equal(leader.hear(announcer(4, 'b')), undefined);
    now = 9000;
    assert.notEqual(leader.hear(announcer(1, 'c')), undefined);
    now = 9999;
    assert.equal(leader.isHeard, false);
    assert.equal(leader.hear(announcer(1, 'c')), undefined);
  });

  it('hear() takes one with the secrets of another for another, and old words for old', () => {
    let now = 0;
    const leader = new Leader({ now: () => now });
    assert.equal(leader.hear({ ...announcer(3, 'a'), stamp: '5' }), undefined);
    const thief = { term: 3, keys: { sign: 'thief signs', agree: 'a agrees' }, stamp: '9' };
    assert.equal(leader.hear(thief), 'another coordinator of the run is followed');
    assert.equal(leader.follows(thief.keys), false);
    assert.equal(leader.follows(announcer(3, 'a').keys), true);
    // an earlier process with the same key file, which is dead: what it said is sent again
    now = 6000;
    const dead = { term: 2, keys: { sign: 'a signs', agree: 'long ago' }, stamp: '4' };
    assert.equal(leader.hear(dead), 'its coordinator has said later things');
    assert.equal(leader.hear({ ...dead, stamp: '6' }), undefined);
  });

  it('hear() follows only those that are trusted, if there are such, and nobody without keys', () => {
    const leader = new Leader({ trusted: ['a signs'] });
    assert.match(leader.hear(announcer(9, 'b'))!, /is none of those that this worker trusts/);
    assert.match(leader.hear({ term: 1 })!, /must name the keys/);
    assert.equal(leader.keys, undefined);
    assert.equal(leader.hear(announcer(1, 'a')), undefined);
  });
});

describe('Freshness', () => {
  const packet = (session: string, message: number) =>
    decodePacket(encodePacket({ kind: 'part', session, message, index: 0, count: 1, size: 0 }));

  it('tells what is new from what came before, place by place and session by session', () => {
    const [first, second] = [newSession(), newSession()];
    assert.ok(first.length === 16 && first < second);
    const heard = new Freshness();
    assert.ok(heard.isFresh('a', packet(first, 1)));
    heard.came('a', packet(first, 9));
    assert.deepEqual(
      [packet(first, 9), packet(first, 8), packet(first, 10), packet(second, 1)].map((each) =>
        heard.isFresh('a', each),
      ),
      [false, false, true, true],
    );
    assert.ok(heard.isFresh('b', packet(first, 1)));
    heard.restart(['a', 'b'], packet(second, 5));
    assert.deepEqual([heard.isFresh('b', packet(second, 5)), heard.isFresh('b', packet(second, 6))], [false, true]);
  });
});
