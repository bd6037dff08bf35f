import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bundle, bundledBytes, unbundle } from '../../shared/bus/bundle.js';
import {
  cut,
  decodePacket,
  encodePacket,
  MOST_PART_BYTES,
  type PacketFields,
  partBytes,
} from '../../shared/bus/packet.js';
import { PROTOCOL } from '../../shared/messages.js';
import { ShapeError } from '../../shared/shape.js';
import { seededRandom } from '../e2e/harness.js';

const PART: PacketFields = {
  kind: 'part',
  session: '0123456789abcdef',
  message: 7,
  index: 2,
  count: 5,
  size: 4_000_000_000,
  payload: Uint8Array.of(1, 2, 3),
};

describe('encodePacket() and decodePacket()', () => {
  it('keep every field', () => {
    assert.deepEqual(
      { ...decodePacket(encodePacket(PART)), payload: [1, 2, 3] },
      { ...PART, protocol: PROTOCOL, payload: [1, 2, 3] },
    );
    for (const kind of ['ask', 'grant'] as const) {
      const { payload: _, ...fields } = { ...PART, kind, index: kind === 'grant' ? 5 : 4, protocol: 200 };
      assert.deepEqual({ ...decodePacket(encodePacket(fields)), payload: [] }, { ...fields, payload: [] });
    }
  });

  it('lay the header out as every version of the protocol does', () => {
    const bytes = encodePacket({ ...PART, size: 6, protocol: 9 });
    assert.equal(
      bytes.subarray(0, 28).toString('hex'),
      '4f4c0900' + '0123456789abcdef' + '07000000' + '02000000' + '05000000' + '06000000',
    );
    assert.equal(bytes.subarray(32).toString('hex'), '010203');
  });

  it('throws ShapeError for any change of a bit, any cut, and anything else', () => {
    const whole = encodePacket(PART);
    for (let bit = 0; bit < 8 * whole.length; bit++) {
      const changed = Buffer.from(whole);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      assert.throws(() => decodePacket(changed), ShapeError, `bit ${bit}`);
    }
    for (let length = 0; length < whole.length; length++) {
      assert.throws(() => decodePacket(whole.subarray(0, length)), ShapeError, `${length} bytes`);
    }
    const random = seededRandom(5);
    for (let i = 0; i < 2000; i++) {
      const noise = Uint8Array.from({ length: Math.floor(100 * random()) }, () => Math.floor(256 * random()));
      assert.throws(() => decodePacket(noise), ShapeError);
    }
  });

  it('throws ShapeError for a place that cannot be', () => {
    for (const wrong of [{ message: 0 }, { index: 5 }, { index: 0, count: 0 }, { kind: 'grant' as const, index: 6 }]) {
      assert.throws(() => decodePacket(encodePacket({ ...PART, ...wrong })), ShapeError, JSON.stringify(wrong));
    }
  });
});

describe('cut()', () => {
  it('gives parts of the size, the last one shorter, and one for nothing', () => {
    const message = Uint8Array.from({ length: 10 }, (_, i) => i);
    assert.deepEqual(
      cut(message, 4).map((part) => [...part]),
      [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        [8, 9],
      ],
    );
    assert.deepEqual(
      cut(message, 5).map(({ length }) => length),
      [5, 5],
    );
    assert.deepEqual(
      cut(new Uint8Array(0), 4).map(({ length }) => length),
      [0],
    );
  });

  it('partBytes() leaves half of what the server takes, and no more than the receiver grants', () => {
    for (const most of [1024, 2 ** 20, 2 ** 26]) {
      const packet = encodePacket({ ...PART, payload: new Uint8Array(partBytes(most)) });
      assert.ok(packet.length <= most / 2, `${packet.length} of ${most}`);
      assert.ok(partBytes(most) <= MOST_PART_BYTES);
    }
  });
});

describe('bundle() and unbundle()', () => {
  it('keep messages apart, empty ones too', () => {
    const messages = [Buffer.from('a'), Buffer.alloc(0), Buffer.from('many bytes'), Buffer.alloc(300, 7)];
    const bytes = bundle(messages);
    assert.equal(
      bytes.length,
      messages.reduce((sum, message) => sum + bundledBytes(message), 0),
    );
    assert.deepEqual(unbundle(bytes), messages);
    assert.deepEqual(unbundle(bundle([])), []);
  });

  it('throws ShapeError for a bundle that is cut off anywhere within a message', () => {
    const bytes = bundle([Buffer.from('ab'), Buffer.from('c')]);
    for (let length = 1; length < bytes.length; length++) {
      if (length === 6) continue; // one whole message
      assert.throws(() => unbundle(bytes.subarray(0, length)), ShapeError, `${length} bytes`);
    }
    assert.throws(() => unbundle(Uint8Array.of(255, 255, 255, 255, 0)), ShapeError);
  });
});
