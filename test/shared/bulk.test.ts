import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { BulkReceiver } from '../../shared/bus/bulk-receiver.js';
import { BulkSender } from '../../shared/bus/bulk-sender.js';
import { unbundle } from '../../shared/bus/bundle.js';
import { Grants } from '../../shared/bus/grants.js';
import { decodePacket, encodePacket, type Packet, type PacketFields } from '../../shared/bus/packet.js';
import { silentLogger } from '../../shared/logger.js';
import { seededRandom } from '../e2e/harness.js';
import { Lines } from '../fixtures/lines.js';

const LIMIT = 6000;

describe('Grants', () => {
  it('grants in turn, never more than the limit at a time', () => {
    const grants = new Grants({ limit: 100, now: () => 0 });
    const granted: string[] = [];
    const ask = (holder: string, bytes: number) => grants.ask(holder, bytes, () => granted.push(holder));
    ask('a', 60);
    ask('b', 50);
    ask('c', 30); // b is first, though c would fit
    assert.deepEqual([granted, grants.total], [['a'], 60]);
    grants.settle('a');
    assert.deepEqual([granted, grants.total], [['a', 'b', 'c'], 80]);
    grants.settle('a');
    grants.settle('never');
    assert.equal(grants.total, 80);
  });

  it('answers a holder that asks again at its last ask only, and counts it once', () => {
    const grants = new Grants({ limit: 100, now: () => 0 });
    const answers: string[] = [];
    grants.ask('a', 90, () => answers.push('a'));
    grants.ask('b', 20, () => answers.push('b, first'));
    grants.ask('b', 20, () => answers.push('b, second'));
    grants.settle('a');
    grants.ask('b', 30, () => answers.push('b, third'));
    assert.deepEqual([answers, grants.total], [['a', 'b, second', 'b, third'], 30]);
  });

  it('lets a grant lapse that nobody uses', () => {
    let now = 0;
    const grants = new Grants({ limit: 100, lapseMs: 10, now: () => now });
    const answers: string[] = [];
    grants.ask('dead', 80, () => answers.push('dead'));
    now = 5;
    grants.ask('a', 80, () => answers.push('a'));
    now = 9;
    grants.ask('b', 1, () => answers.push('b'));
    assert.deepEqual(answers, ['dead']);
    now = 10;
    grants.ask('b', 1, () => answers.push('b'));
    assert.deepEqual([answers, grants.total], [['dead', 'a', 'b'], 81]);
  });

  it('gives strangers little, for a short time, and only when no member waits', () => {
    let now = 0;
    const grants = new Grants({ limit: 100, strangersLimit: 30, lapseMs: 100, strangersLapseMs: 10, now: () => now });
    const granted: string[] = [];
    const ask = (holder: string, bytes: number, isMember: boolean) =>
      grants.ask(holder, bytes, () => granted.push(holder), isMember);
    ask('m1', 60, true);
    ask('s1', 20, false);
    ask('s2', 20, false); // beyond what strangers have together
    assert.deepEqual([granted.splice(0), grants.total], [['m1', 's1'], 80]);
    ask('m2', 40, true); // waits, and s2 with it
    assert.deepEqual(granted, []);
    now = 10;
    ask('m3', 1, true);
    // the stranger's grant has lapsed, and the members are served before any other
    assert.deepEqual([granted.splice(0), grants.total], [['m2'], 100]);
    assert.deepEqual([grants.has('s1'), grants.has('m2')], [false, true]);
    grants.settle('m1');
    assert.deepEqual([granted.splice(0), grants.total], [['m3', 's2'], 61]);
    // a flood of them leaves nothing behind
    for (let i = 0; i < 100_000; i++) ask(`flood ${i}`, 30, false);
    now = 20;
    ask('m4', 59, true);
    assert.deepEqual(granted.splice(0), ['m4']);
    assert.equal(grants.total, 100);
  });

  it('advance() gives half of the limit away at most, and nothing while others wait', () => {
    const grants = new Grants({ limit: 100, now: () => 0 });
    assert.deepEqual([grants.advance('a', 30), grants.advance('b', 30), grants.advance('c', 20)], [30, 0, 20]);
    assert.equal(grants.advance('a', 25), 25);
    grants.ask('d', 90, () => {});
    assert.equal(grants.advance('e', 1), 0);
    assert.equal(grants.total, 45);
  });
});

/** A packet as it arrives. */
function overWire(packet: PacketFields): Packet {
  return decodePacket(encodePacket(packet));
}

const MEMBER = { from: 'a', isMember: true };

/** The member whose session a packet names. */
function memberOf({ session }: Packet) {
  return { from: session, isMember: true };
}

/** A way to a receiver on which requests and answers get lost and come twice; nothing waits longer than 30 turns. */
function faultyWay(random: () => number, receive: (packet: Packet, answer: (packet: PacketFields) => void) => void) {
  return async (fields: PacketFields): Promise<Packet | undefined> => {
    const packet = overWire(fields);
    let answer: Packet | undefined;
    await nextTurn();
    const fate = random();
    if (fate < 0.15) return undefined;
    for (let copies = fate < 0.25 ? 2 : 1; copies > 0; copies--) {
      receive(packet, (given) => {
        answer ??= overWire(given);
      });
    }
    for (let turns = 0; turns < 30 && !answer; turns++) await nextTurn();
    return fate > 0.9 ? undefined : answer;
  };
}

/** A message that tells who sent it, and which it is. */
function messageOf(sender: number, number: number, length: number): Buffer {
  const bytes = Buffer.alloc(8 + length, sender * 31 + number);
  bytes.writeUInt32LE(sender, 0);
  bytes.writeUInt32LE(number, 4);
  return bytes;
}

describe('BulkSender and BulkReceiver', () => {
  it('bring every message once and in order, within the bound, whatever gets lost or comes twice', async () => {
    for (const seed of [1, 2, 3]) {
      const random = seededRandom(seed);
      let turn = 0;
      const now = () => turn;
      const receiver = new BulkReceiver({ grants: { limit: LIMIT, lapseMs: 200, now } });
      const received = new Map<number, Buffer[]>();
      const request = faultyWay(random, (packet, answer) => {
        turn += 1;
        const whole = receiver.receive(packet, memberOf(packet), answer);
        assert.ok(receiver.granted <= LIMIT);
        for (const each of whole ? unbundle(whole) : []) {
          const message = Buffer.from(each);
          const sender = message.readUInt32LE(0);
          received.set(sender, [...(received.get(sender) ?? []), message]);
        }
      });
      const sent = new Map<number, Buffer[]>();
      const senders = Array.from(
        { length: 12 },
        () => new BulkSender({ request, partBytes: () => 1000, logger: silentLogger, now, retryMs: 0 }),
      );
      for (let number = 1; number <= 15; number++) {
        for (const [i, sender] of senders.entries()) {
          const message = messageOf(i, number, Math.floor(3500 * random() ** 3));
          sent.set(i, [...(sent.get(i) ?? []), message]);
          sender.send(() => message);
        }
        for (let turns = Math.floor(6 * random()); turns > 0; turns--) await nextTurn();
      }
      await Promise.all(senders.map((sender) => sender.idle()));
      assert.deepEqual([...received].sort(), [...sent].sort());
    }
  });

  it('begin a message again with a receiver that has taken the place of another', async () => {
    const random = seededRandom(7);
    let receiver = new BulkReceiver();
    const received: string[][] = [[]];
    let packets = 0;
    const request = faultyWay(random, (packet, answer) => {
      packets += 1;
      if (packets % 17 === 0) {
        receiver = new BulkReceiver();
        received.push([]);
      }
      const whole = receiver.receive(packet, MEMBER, answer);
      for (const each of whole ? unbundle(whole) : []) received.at(-1)!.push(`${Buffer.from(each).readUInt32LE(4)}`);
    });
    const sender = new BulkSender({ request, partBytes: () => 100, logger: silentLogger, retryMs: 0 });
    for (let number = 1; number <= 40; number++) {
      sender.send(() => messageOf(0, number, 450));
      await sender.idle();
    }
    const all = received.flat().map(Number);
    // one whose answer was lost with its receiver comes to the next one too
    assert.deepEqual(
      [...new Set(all)],
      Array.from({ length: 40 }, (_, i) => i + 1),
    );
    assert.deepEqual(
      all,
      all.toSorted((a, b) => a - b),
    );
    for (const each of received) assert.equal(new Set(each).size, each.length);
  });

  it('send small messages of one turn as one packet, and without asking once the receiver expects them', async () => {
    const receiver = new BulkReceiver();
    const kinds: string[] = [];
    const bundles: number[] = [];
    const request = async (fields: PacketFields) => {
      kinds.push(fields.kind);
      let answer: Packet | undefined;
      const whole = receiver.receive(overWire(fields), MEMBER, (grant) => {
        answer = overWire(grant);
      });
      if (whole) bundles.push(unbundle(whole).length);
      return answer;
    };
    const sender = new BulkSender({ request, partBytes: () => 10_000, logger: silentLogger });
    for (const count of [1, 3, 4, 2]) {
      for (let number = 0; number < count; number++) sender.send(() => messageOf(0, number, 1000));
      await sender.idle();
    }
    assert.deepEqual(kinds, ['ask', 'part', 'part', 'part', 'part']);
    assert.deepEqual(bundles, [1, 3, 4, 2]);
  });

  it('take no part of a result from a stranger, and a goodbye', () => {
    const receiver = new BulkReceiver({ grants: { now: () => 0 } });
    const stranger = { from: 's', isMember: false };
    const place = { session: '0123456789abcdef', message: 1, index: 0, count: 1 } as const;
    const answers: PacketFields[] = [];
    const receive = (fields: PacketFields, from = stranger) =>
      receiver.receive(overWire(fields), from, (answer) => answers.push(answer));
    const goodbye = Buffer.alloc(100, 1);
    const part = { kind: 'part', ...place, size: goodbye.length, payload: goodbye } as const;
    assert.throws(() => receive(part), /its sender is no worker of the run/);
    assert.throws(() => receive({ kind: 'ask', ...place, size: 65_537 }), /"packet.size" must be at most 65536/);
    receive({ kind: 'ask', ...place, size: 100 });
    assert.deepEqual(
      answers.map(({ kind, size }) => [kind, size]),
      [['grant', 100]],
    );
    assert.deepEqual(Buffer.from(receive(part)!), goodbye);
    // nothing in advance: the next one must ask again
    assert.equal(answers[1]!.size, 0);
    assert.throws(() => receive({ ...part, message: 2 }), /its sender is no worker of the run/);
    // a large message cannot begin with a small part
    receive({ kind: 'ask', ...place, message: 3, count: 2, size: 100 });
    assert.throws(
      () => receive({ ...part, message: 3, count: 2, size: 100_000 }),
      /its sender is no worker of the run/,
    );
    // a member of the same session's name is another sender
    const member = { from: 'm', isMember: true };
    assert.deepEqual(Buffer.from(receive(part, member)!), goodbye);
  });

  it('take one session of a sender at a time, the newest, so that it asks for no more than others', () => {
    const receiver = new BulkReceiver({ grants: { limit: 1000, now: () => 0 } });
    const granted: string[] = [];
    const ask = (from: string, session: number) => {
      const place = { session: session.toString(16).padStart(16, '0'), message: 1, index: 0, count: 1 } as const;
      const packet = overWire({ kind: 'ask', ...place, size: 600 });
      receiver.receive(packet, { from, isMember: true }, () => granted.push(from));
    };
    for (let session = 1; session <= 50; session++) ask('greedy', session);
    ask('honest', 1);
    // a grant a sender: the next one comes when the first is used, or lapses
    assert.deepEqual([granted.filter((from) => from === 'honest').length, receiver.granted], [0, 600]);
    const place = { session: '0000000000000032', message: 1, index: 0, count: 1, size: 600 } as const;
    const payload = Buffer.alloc(600, 1);
    const done = receiver.receive(
      overWire({ kind: 'part', ...place, payload }),
      { from: 'greedy', isMember: true },
      () => {},
    );
    assert.equal(done?.length, 600);
    assert.equal(granted.at(-1), 'honest');
    assert.throws(() => ask('greedy', 1), /has begun a later session/);
  });

  it('go on with a worker that was no member for a while, and sent something then', () => {
    const receiver = new BulkReceiver({ grants: { now: () => 0 } });
    const payload = Buffer.alloc(100, 1);
    const received = [1, 2, 3, 4].filter((message) => {
      const from = { from: 'w', isMember: message !== 2 };
      const place = { session: '0123456789abcdef', message, index: 0, count: 1 } as const;
      receiver.receive(overWire({ kind: 'ask', ...place, size: 100 }), from, () => {});
      return receiver.receive(overWire({ kind: 'part', ...place, size: 100, payload }), from, () => {}) !== undefined;
    });
    assert.deepEqual(received, [1, 2, 3, 4]);
  });

  it('lose the oldest messages where nobody takes them, with a sentence, and send nothing after close()', async () => {
    const lines = new Lines();
    let asked = 0;
    let give: (answer: undefined) => void = () => {};
    const request = () => {
      asked += 1;
      return new Promise<undefined>((resolve) => {
        give = resolve;
      });
    };
    const sender = new BulkSender({ request, partBytes: () => 10_000, logger: lines });
    for (let number = 0; number < 5; number++) {
      sender.send(() => messageOf(0, number, 20 * 2 ** 20));
      await nextTurn();
    }
    assert.deepEqual(lines.lines, ['Nobody takes what this worker sends: 1 of its oldest results are lost']);
    assert.equal(asked, 1);
    const idle = sender.idle();
    sender.close();
    await idle;
    give(undefined);
    sender.send(() => messageOf(0, 9, 10));
    for (let turns = 0; turns < 20; turns++) await nextTurn();
    assert.equal(asked, 1);
    await sender.idle();
  });

  it('send what waits or is under way once, however often it is given, and again once it was received', async () => {
    const receiver = new BulkReceiver();
    const received: number[] = [];
    let open: () => void = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const request = async (fields: PacketFields) => {
      await gate;
      let answer: Packet | undefined;
      const whole = receiver.receive(overWire(fields), MEMBER, (grant) => {
        answer = overWire(grant);
      });
      for (const each of whole ? unbundle(whole) : []) received.push(Buffer.from(each).readUInt32LE(4));
      return answer;
    };
    const sender = new BulkSender({ request, partBytes: () => 10_000, logger: silentLogger });
    const results = [{}, {}, {}];
    let encoded = 0;
    const give = (number: number) =>
      sender.send(() => {
        encoded += 1;
        return messageOf(0, number, 100);
      }, results[number]);
    for (const number of [0, 1, 0, 2, 1]) give(number);
    await nextTurn();
    give(0);
    open();
    await sender.idle();
    assert.deepEqual([received, encoded], [[0, 1, 2], 3]);
    give(1);
    await sender.idle();
    assert.deepEqual([received, encoded], [[0, 1, 2, 1], 4]);
  });
});
