import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeReceived, encode } from '../../shared/codec.js';
import { ShapeError } from '../../shared/shape.js';
import { seededRandom } from '../e2e/harness.js';

const PLAIN = {
  numbers: [0, 127, 128, 255, 256, 65535, 65536, 2 ** 31, 2 ** 32 - 1, 2 ** 40, -1, -32, -33, -129, -40000, -(2 ** 31)],
  floats: [0.5, -1e300, 1e-300, Number.NaN, Number.POSITIVE_INFINITY],
  words: ['', 'a', 'x'.repeat(31), 'y'.repeat(32), 'z'.repeat(300), 'φ'.repeat(40_000)],
  others: [null, true, false],
  list: Array.from({ length: 70_000 }, (_, i) => i % 3),
  map: Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`key ${i}`, i])),
  typed: [1, 2, 4, 300, 70_000].map((length) => Float32Array.from({ length }, (_, i) => i - 0.5)),
  doubles: Float64Array.of(1, 2, 3),
};

describe('decodeReceived()', () => {
  it('gives every plain value back', () => {
    assert.deepEqual(decodeReceived(encode(PLAIN)), PLAIN);
    for (const value of [...PLAIN.numbers, ...PLAIN.words, ...PLAIN.others]) {
      assert.deepEqual(decodeReceived(encode(value)), value);
    }
  });

  it('throws ShapeError, at once, for what announces more than it holds, nests without end, or names a class', () => {
    const hostile: Record<string, number[]> = {
      'an array of 4 thousand million': [0xdd, 0xff, 0xff, 0xff, 0xff],
      'an array of 16 million': [0xdd, 1, 0, 0, 0],
      'a map of 4 thousand million': [0xdf, 0xff, 0xff, 0xff, 0xff],
      'text of 4 GB': [0xdb, 0xff, 0xff, 0xff, 0xff],
      'a typed array of 4 GB': [0xc9, 0xff, 0xff, 0xff, 0xff, 0x74],
      'lists in lists': [...Array.from({ length: 100_000 }, () => 0x91), 0xc0],
      'a record definition': [0xd4, 0x72, 0x40, 0x91, 0xa1, 0x61, 1],
      'a regular expression': [0xd6, 0x78, 0x92, 0xa1, 0x61, 0xa0],
      'an error': [0xd4, 0x65, 0x93],
      'nothing at all': [],
      'two values': [1, 2],
      'what is reserved': [0xc1],
    };
    for (const [what, bytes] of Object.entries(hostile)) {
      assert.throws(() => decodeReceived(Uint8Array.from(bytes)), ShapeError, what);
    }
    for (const value of [new Set([1]), /a/g, new Error('no'), new Date(0), 2n ** 70n]) {
      assert.throws(() => decodeReceived(encode(value)), ShapeError, String(value));
    }
  });

  it('throws ShapeError wherever a value is cut off', () => {
    const random = seededRandom(3);
    const bytes = encode({ ...PLAIN, list: [1, 2], words: ['a'] });
    for (let i = 0; i < 2000; i++) {
      assert.throws(() => decodeReceived(bytes.subarray(0, Math.floor(random() * bytes.length))), ShapeError);
    }
  });
});
