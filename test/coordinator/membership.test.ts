import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PROTOCOL } from '../../shared/messages.js';
import { heartbeat, hello, inShort } from '../fixtures/actions.js';
import { CONFIG, DIGEST, NOW, PlayedMembership } from '../fixtures/played-membership.js';

/** A share at which every shard is drawn, and leaves are compared. */
const ALL_LEAVES = 1 - 2 ** -40;

describe('Membership', () => {
  it('welcome() gives the first worker all shards, and others none before an episode begins', () => {
    const played = new PlayedMembership();
    const { membership } = played;
    assert.deepEqual(inShort(membership.welcome(hello('a', DIGEST), NOW)), ['a: order 0-12']);
    assert.deepEqual(played.open(1), ['all: φ 0']);
    assert.deepEqual(inShort(membership.welcome(hello('b', DIGEST, { threads: 2 }), NOW)), ['b: order', 'b: φ 0']);
    assert.deepEqual(played.open(2), ['all: φ 1']);
    assert.deepEqual(played.open(3), ['all: φ 2']);
    assert.deepEqual(played.open(4), ['a: order 0-4', 'b: order 4-12', 'all: φ 3']);
    assert.deepEqual(played.open(7), ['all: φ 6']);
  });

  it('orders say the term and the round that they are about', () => {
    const played = new PlayedMembership().join('a');
    played.open(5);
    assert.deepEqual(played.membership.welcome(hello('b', DIGEST), NOW)[0], {
      type: 'send',
      worker: 'b',
      message: { type: 'order', term: 7, round: 5, ranges: [], copies: [] },
    });
  });

  it('welcome() refuses another protocol, another configuration, and an engine of other bits than the run’s', () => {
    const { membership } = new PlayedMembership();
    const refused = (worker: string, changes: object) =>
      inShort(membership.welcome(hello(worker, DIGEST, changes), NOW));
    const both = (worker: string, reason: string) => [
      `warn now and then: Worker ${worker} is refused: ${reason}`,
      `${worker}: refuse, as ${reason}`,
    ];
    const protocol = `it speaks protocol ${PROTOCOL + 1}, and this run protocol ${PROTOCOL}`;
    assert.deepEqual(refused('old', { protocol: PROTOCOL + 1 }), both('old', protocol));
    assert.deepEqual(refused('other', { digest: 'other' }), both('other', 'its configuration is another one'));
    assert.equal(membership.fingerprint, null);
    assert.deepEqual(refused('a', { fingerprint: 'first' }), ['a: order 0-12']);
    assert.equal(membership.fingerprint, null);
    // nothing of it has counted yet: another one may be right, and computes all for itself
    assert.deepEqual(refused('c', { fingerprint: 'third' }), ['c: order 0-12']);
    assert.deepEqual(refused('d', { fingerprint: 'third' }), ['d: order']);
    membership.leave('d', 'left', NOW);
    assert.deepEqual(inShort(membership.settleEngine(membership.members[0]!, NOW)), [
      ...both('c', 'its engine computes other bits: it is "third", and this run\'s is "first"'),
      'tell reassigned: c, left',
    ]);
    assert.equal(membership.fingerprint, 'first');
    const bits = 'its engine computes other bits: it is "second", and this run\'s is "first"';
    assert.deepEqual(refused('odd', { fingerprint: 'second' }), both('odd', bits));
    assert.deepEqual(
      membership.members.map(({ id }) => id),
      ['a'],
    );
    const resumed = new PlayedMembership({ fingerprint: 'of the run' }).membership;
    assert.equal(resumed.welcome(hello('a', DIGEST), NOW).at(-1)?.type, 'send');
    assert.equal(resumed.size, 0);
  });

  it('welcome() tells a worker that is here its order again, and gives what an earlier start of it had to others', () => {
    const played = new PlayedMembership().join('a', 'b');
    played.open(1);
    const { membership } = played;
    assert.deepEqual(inShort(membership.welcome(hello('b', DIGEST), NOW)), ['b: order 6-12', 'b: φ 0']);
    assert.deepEqual(inShort(membership.welcome(hello('b', DIGEST, { incarnation: 2 }), NOW)), [
      'tell reassigned: b, left',
      'a: order 0-12',
      'b: order',
      'a: φ 0',
      'b: φ 0',
    ]);
    assert.deepEqual(inShort(membership.alive(heartbeat('b', 6, 12), NOW)), ['b: rejoin']);
  });

  it('alive() has a stranger join, and tells a worker that knows another order its own', () => {
    const played = new PlayedMembership().join('a', 'b');
    played.open(1);
    const { membership } = played;
    assert.deepEqual(inShort(membership.alive(heartbeat('c', 0, 4), NOW)), ['c: rejoin']);
    assert.deepEqual(inShort(membership.alive(heartbeat('a', 0, 12), NOW)), ['a: order 0-6']);
    assert.deepEqual(inShort(membership.alive(heartbeat('a', 0, 6), NOW)), []);
    const copies = [{ level: 0, index: 9 }];
    assert.deepEqual(inShort(membership.alive({ ...heartbeat('a', 0, 6), copies }, NOW)), ['a: order 0-6']);
  });

  it('leave() gives the shards of a worker to the others, which are told φ', () => {
    const played = new PlayedMembership().join('a', 'b', 'c');
    played.open(1);
    const { membership } = played;
    assert.deepEqual(inShort(membership.leave('b', 'left', NOW)), [
      'tell reassigned: b, left',
      'a: order 0-6',
      'c: order 6-12',
      'a: φ 0',
      'c: φ 0',
    ]);
    assert.equal(membership.has('b'), false);
    played.join('d');
    assert.deepEqual(inShort(membership.leave('d', 'silent', NOW)), []);
    assert.deepEqual(inShort(membership.leave('nobody', 'left', NOW)), []);
    membership.leave('c', 'left', NOW);
    assert.deepEqual(inShort(membership.leave('a', 'silent', NOW)), ['tell reassigned: a, silent']);
    assert.deepEqual(inShort(membership.welcome(hello('e', DIGEST), NOW)), ['e: order 0-12', 'e: φ 0']);
  });

  it('rest() ends the φ’s, and repeat() says the open round’s again', () => {
    const played = new PlayedMembership().join('a', 'b');
    const { membership } = played;
    assert.deepEqual(membership.repeat(), []);
    played.open(3);
    assert.deepEqual(inShort(membership.repeat()), ['all: φ 2']);
    membership.rest();
    assert.deepEqual(membership.repeat(), []);
    assert.deepEqual(inShort(membership.leave('b', 'left', NOW)), []);
    assert.deepEqual(inShort(membership.leave('a', 'left', NOW)), ['tell reassigned: a, left']);
    assert.deepEqual(inShort(membership.welcome(hello('c', DIGEST), NOW)), ['c: order 0-12']);
  });

  it('ban() refuses a worker for good, whatever it is started as', () => {
    const played = new PlayedMembership().join('a', 'b');
    played.open(1);
    const { membership } = played;
    assert.deepEqual(inShort(membership.ban('a', 'its bits are odd', NOW)), [
      'a: refuse, as its bits are odd',
      'tell reassigned: a, banned',
      'b: order 0-12',
      'b: φ 0',
    ]);
    assert.deepEqual(inShort(membership.welcome(hello('a', DIGEST, { incarnation: 2 }), NOW)), [
      'warn now and then: Worker a is refused: its bits are odd',
      'a: refuse, as its bits are odd',
    ]);
  });

  it('has every shard that is doubled computed by another worker too, as long as there is one', () => {
    const played = new PlayedMembership({ doubledShare: ALL_LEAVES, config: { ...CONFIG, shards: 4 } }).join('a');
    assert.deepEqual(played.open(1), ['all: φ 0']);
    const { membership } = played;
    const copies = '+0/0 +0/1 +0/2 +0/3';
    assert.deepEqual(inShort(membership.welcome(hello('b', DIGEST), NOW)), [`b: order ${copies}`, 'b: φ 0']);
    assert.deepEqual(played.open(2), ['all: φ 1']);
    // shares move at the start of an episode, and with them who is another
    assert.deepEqual(played.open(4), ['a: order 0-2 +0/2 +0/3', 'b: order 2-4 +0/0 +0/1', 'all: φ 3']);
    assert.deepEqual(inShort(membership.leave('a', 'left', NOW)), [
      'tell reassigned: a, left',
      'b: order 0-4',
      'b: φ 3',
    ]);
  });

  it('has every node copied as its worker sends it if everything is computed twice', () => {
    const played = new PlayedMembership({ doubledShare: 1, config: { ...CONFIG, shards: 5 } }).join('a');
    played.open(1);
    const { membership } = played;
    assert.deepEqual(inShort(membership.welcome(hello('b', DIGEST), NOW)), ['b: order +3/0', 'b: φ 0']);
    played.open(2);
    assert.deepEqual(played.open(4), ['a: order 0-3 +0/3 +0/4', 'b: order 3-5 +1/0 +0/2', 'all: φ 3']);
    assert.deepEqual(inShort(membership.leave('a', 'left', NOW)), [
      'tell reassigned: a, left',
      'b: order 0-5',
      'b: φ 3',
    ]);
  });

  it('welcome() lets one with the name of a member wait, until that one is gone', () => {
    const played = new PlayedMembership().join('a', 'b');
    played.open(1);
    const { membership } = played;
    // the bus tells whether anybody is there
    assert.deepEqual(inShort(membership.welcome(hello('a', DIGEST), NOW, 'a.other')), ['a: order 0-6']);
    assert.equal(membership.memberAt('a', 'a.other'), undefined);
    assert.deepEqual(inShort(membership.leave('a', 'silent', NOW)), [
      'tell reassigned: a, silent',
      'b: order 0-12',
      'a.other: order',
      'b: φ 0',
      'a.other: φ 0',
    ]);
    assert.equal(membership.memberAt('a', 'a.other')?.id, 'a');
    assert.equal(membership.memberAt('a', 'a'), undefined);
    assert.deepEqual(inShort(membership.alive(heartbeat('a', 0, 0), NOW)), ['a: rejoin']);
  });

  it('welcome() refuses one with the name of a member that lives', () => {
    const played = new PlayedMembership().join('a');
    played.open(1);
    const { membership } = played;
    membership.welcome(hello('a', DIGEST), NOW, 'a.other');
    const reason = 'another worker of its name works for the run; --name gives it another';
    assert.deepEqual(inShort(membership.alive(heartbeat('a', 0, 12), NOW + 1)), [
      `warn now and then: Worker a is refused: ${reason}`,
      `a.other: refuse, as ${reason}`,
    ]);
    assert.deepEqual(inShort(membership.tick(NOW + 4)), []);
    assert.equal(membership.memberAt('a', 'a')?.id, 'a');
  });

  it('tick() gives a name to the one that waits if its member says nothing for two announcements', () => {
    const played = new PlayedMembership().join('a');
    played.open(1);
    const { membership } = played;
    membership.tick(NOW);
    membership.welcome(hello('a', DIGEST), NOW + 1, 'a.other');
    membership.tick(NOW + 2);
    assert.deepEqual(inShort(membership.tick(NOW + 3.4)), []);
    assert.deepEqual(inShort(membership.tick(NOW + 3.6)), [
      'tell reassigned: a, silent',
      'a.other: order 0-12',
      'a.other: φ 0',
    ]);
  });

  it('welcome() gives its shards back to a member that is started again while another one claims its name', () => {
    const { membership } = new PlayedMembership();
    membership.welcome(hello('w', DIGEST), NOW, 'w.own');
    membership.welcome(hello('w', DIGEST), NOW, 'w.other');
    membership.welcome(hello('w', DIGEST, { incarnation: 2 }), NOW, 'w.own');
    assert.deepEqual(membership.memberAt('w', 'w.own')?.ranges, [{ first: 0, end: 12 }]);
    assert.equal(membership.size, 1);
  });

  it('ban() keeps a key out under any name', () => {
    const played = new PlayedMembership();
    const { membership } = played;
    membership.welcome(hello('w', DIGEST), NOW, 'w.KEY');
    membership.ban('w', 'its bits are odd', NOW);
    const again = inShort(membership.welcome(hello('x', DIGEST), NOW, 'x.KEY'));
    assert.equal(again.at(-1), 'x.KEY: refuse, as its bits are odd');
    assert.deepEqual(inShort(membership.welcome(hello('x', DIGEST), NOW, 'x.OTHER')), ['x.OTHER: order 0-12']);
  });

  it('welcome() lets in those alone that are listed with their key, if there is a list', () => {
    const listed = new Map([['a', 'KEY']]);
    const { membership } = new PlayedMembership({ listed });
    assert.match(
      inShort(membership.welcome(hello('a', DIGEST), NOW, 'a.OTHER'))[1]!,
      /its key is not the one that is listed/,
    );
    assert.match(
      inShort(membership.welcome(hello('b', DIGEST), NOW, 'b.KEY'))[1]!,
      /^b.KEY: refuse, as its name is not listed/,
    );
    assert.deepEqual(inShort(membership.welcome(hello('a', DIGEST), NOW, 'a.KEY')), ['a.KEY: order 0-12']);
  });

  it('doubles other shards in every episode', () => {
    const played = new PlayedMembership({ doubledShare: 0.3 }).join('a', 'b');
    const doubled = [1, 4, 7].map((round) => {
      played.open(round);
      return played.membership.members.flatMap(({ copies }) => copies.map(({ index }) => index)).sort((a, b) => a - b);
    });
    assert.ok(doubled.every((shards) => shards.length > 0));
    assert.equal(new Set(doubled.map((shards) => shards.join())).size, 3);
  });

  it('doubles a shard from the start of its own episode where shards are staggered', () => {
    const config = { ...CONFIG, shards: 3, stagger: true };
    const played = new PlayedMembership({ doubledShare: 0.5, config }, config).join('a', 'b');
    const ordered = (round: number) => played.open(round).filter((line) => line.includes('order'));
    for (const round of [1, 4, 7, 10]) ordered(round);
    // shard 0 begins an episode in rounds 1, 4, 7; in others, shards move only as copies
    const between = [11, 12, 14, 15, 17, 18].map(ordered);
    assert.ok(between.some((orders) => orders.length > 0));
  });

  it('ask() has a node computed by one who has not voted on it, until settle()', () => {
    const played = new PlayedMembership().join('a', 'b', 'c');
    played.open(1);
    const { membership } = played;
    const node = { level: 1, index: 2 };
    assert.deepEqual(inShort(membership.ask(node, ['a', 'b'])), ['c: order 8-12 +1/2', 'c: φ 0']);
    assert.equal(membership.asked(node), 'c');
    // who was asked goes: another one, as long as there is one that has not voted
    played.join('d');
    assert.deepEqual(inShort(membership.leave('c', 'left', NOW)), [
      'tell reassigned: c, left',
      'a: order 0-4 8-9',
      'b: order 4-8 9-11',
      'd: order 11-12 +1/2',
      'a: φ 0',
      'b: φ 0',
      'd: φ 0',
    ]);
    assert.equal(membership.asked(node), 'd');
    membership.leave('d', 'left', NOW);
    assert.equal(membership.asked(node), undefined);
    played.join('e');
    assert.equal(membership.asked(node), 'e');
    assert.deepEqual(inShort(membership.settle(node)), ['e: order', 'e: φ 0']);
    assert.equal(membership.asked(node), undefined);
  });
});
