import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { crc32c, encodeRecord, recordsOf } from '../../coordinator/report/tf-record.js';
import { slowCrc32c } from '../fixtures/event-reader.js';

describe('crc32c()', () => {
  // RFC 3720, appendix B.4; the last one is the check value of every catalogue of CRCs
  const vectors: readonly [name: string, bytes: Buffer, crc: number][] = [
    ['32 bytes of zeros', Buffer.alloc(32), 0x8a9136aa],
    ['32 bytes of ones', Buffer.alloc(32, 0xff), 0x62a8ab43],
    ['32 bytes that count up', Buffer.from(Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e],
    ['32 bytes that count down', Buffer.from(Array.from({ length: 32 }, (_, i) => 31 - i)), 0x113fdb5c],
    [
      'an iSCSI SCSI Read (10) command',
      Buffer.from(
        '01c0000000000000000000000000000014000000000004000000001400000018280000000000000002000000' + '00000000',
        'hex',
      ),
      0xd9963a56,
    ],
    ['"123456789"', Buffer.from('123456789'), 0xe3069283],
    ['nothing', Buffer.alloc(0), 0],
  ];
  for (const [name, bytes, crc] of vectors) {
    it(`of ${name} is 0x${crc.toString(16)}`, () => {
      assert.equal(crc32c(bytes), crc);
      assert.equal(slowCrc32c(bytes), crc);
    });
  }
});

describe('recordsOf()', () => {
  const contents = ['', 'φ', 'x'.repeat(300)].map((text) => Buffer.from(text));
  const file = Buffer.concat(contents.map(encodeRecord));
  const ends = contents.map((_, i) => contents.slice(0, i + 1).reduce((sum, { length }) => sum + length + 16, 0));

  it('gives what encodeRecord() was given, and where it lies', () => {
    assert.deepEqual(
      [...recordsOf(file)],
      contents.map((data, i) => ({ start: ends[i - 1] ?? 0, end: ends[i], data })),
    );
  });

  it('ends before a record that is cut short, at any length', () => {
    for (let length = 0; length <= file.length; length++) {
      const whole = ends.filter((end) => end <= length).length;
      assert.equal([...recordsOf(file.subarray(0, length))].length, whole, `${length} bytes`);
    }
  });

  it('ends before a record that has a wrong bit, at any byte', () => {
    for (let at = 0; at < file.length; at++) {
      const damaged = Buffer.from(file);
      damaged[at]! ^= 1 << (at % 8);
      const whole = ends.filter((end) => end <= at).length;
      assert.equal([...recordsOf(damaged)].length, whole, `byte ${at}`);
    }
  });
});
