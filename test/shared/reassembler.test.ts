import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cut, decodePacket, encodePacket, type Packet } from '../../shared/bus/packet.js';
import { Reassembler } from '../../shared/bus/reassembler.js';
import { ShapeError } from '../../shared/shape.js';

/** A message of `length` bytes in parts of 10. */
function packets(session: string, message: number, length: number): Packet[] {
  const bytes = contents(message, length);
  const parts = cut(bytes, 10);
  const place = {
    kind: 'part',
    session: session.padStart(16, '0'),
    message,
    count: parts.length,
    size: length,
  } as const;
  return parts.map((payload, index) => decodePacket(encodePacket({ ...place, index, payload })));
}

function contents(message: number, length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => (i * 7 + message) % 256));
}

describe('Reassembler', () => {
  it('puts the messages of several senders together, whatever the order between them', () => {
    const reassembler = new Reassembler();
    const [a, b] = [packets('a', 1, 45), packets('b', 9, 30)];
    const sent = [a[0]!, b[0]!, b[1]!, a[1]!, a[2]!, a[3]!, b[2]!, a[4]!];
    const whole = sent.map((packet) => reassembler.add(packet));
    assert.deepEqual(whole, [...Array(6).fill(undefined), contents(9, 30), contents(1, 45)]);
    assert.deepEqual(Buffer.from(reassembler.add(packets('c', 1, 7)[0]!)!), contents(1, 7));
    assert.deepEqual(Buffer.from(reassembler.add(packets('c', 2, 0)[0]!)!), Buffer.alloc(0));
    assert.equal(reassembler.held, 0);
  });

  it('parts() and bytes() tell how far a message has come', () => {
    const reassembler = new Reassembler();
    const sent = packets('a', 3, 45);
    const { session } = sent[0]!;
    for (const [i, packet] of sent.entries()) {
      assert.deepEqual([reassembler.parts(session, 3), reassembler.bytes(session)], [i, 10 * i]);
      reassembler.add(packet);
    }
    assert.deepEqual([reassembler.parts(session, 3), reassembler.bytes(session)], [0, 0]);
  });

  it('gives a message up whose parts have a gap, and begins the next', () => {
    const reassembler = new Reassembler();
    const sent = packets('a', 1, 45);
    reassembler.add(sent[0]!);
    assert.throws(() => reassembler.add(sent[2]!), ShapeError);
    assert.equal(reassembler.held, 0);
    assert.throws(() => reassembler.add(sent[1]!), ShapeError);
    reassembler.add(packets('a', 2, 45)[0]!);
    const [first, second] = packets('a', 3, 12);
    assert.equal(reassembler.add(first!), undefined);
    assert.deepEqual(reassembler.add(second!), contents(3, 12));
  });

  it('throws ShapeError for parts that contradict each other, and for too much', () => {
    const [first, second] = packets('a', 1, 20);
    const wrong: [string, Packet[]][] = [
      ['another count', [first!, { ...second!, count: 3 }]],
      ['another size', [first!, { ...second!, size: 21 }]],
      ['the same part again', [first!, first!]],
      ['more bytes than the message has', [first!, { ...second!, payload: new Uint8Array(11) }]],
      ['fewer bytes than the message has', [first!, { ...second!, payload: new Uint8Array(9) }]],
      ['an empty part', [first!, { ...second!, payload: new Uint8Array(0) }]],
      ['one part that is not the message', [{ ...first!, count: 1 }]],
      ['more than a message may have', [{ ...first!, size: 101 }]],
    ];
    for (const [what, sent] of wrong) {
      const reassembler = new Reassembler({ messageBytes: 100 });
      const bad = sent.pop()!;
      for (const packet of sent) assert.equal(reassembler.add(packet), undefined);
      assert.throws(() => reassembler.add(bad), ShapeError, what);
      assert.equal(reassembler.held, 0, what);
    }
  });

  it('holds no more than it may, and gives up what waits longest', () => {
    let now = 0;
    const reassembler = new Reassembler({ heldBytes: 100, idleMs: 50, now: () => now });
    const messages = Array.from({ length: 30 }, (_, i) => packets(`${i}`, 1, 25));
    for (const [i, [first, second]] of messages.entries()) {
      now += 1;
      reassembler.add(first!);
      if (i % 2 === 0) reassembler.add(second!);
      assert.ok(reassembler.held <= 100, `${reassembler.held}`);
    }
    assert.throws(() => reassembler.add(messages[0]![2]!), ShapeError);
    assert.deepEqual(reassembler.add(messages[28]![2]!), contents(1, 25));
    now += 51;
    reassembler.add(packets('late', 1, 25)[0]!);
    assert.equal(reassembler.held, 10);
  });
});
