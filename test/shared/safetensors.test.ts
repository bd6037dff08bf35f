import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FileError } from '../../shared/errors.js';
import { decodeSafeTensors, encodeSafeTensors, type SafeTensors } from '../../shared/safetensors.js';
import { assertFileError, fileOf } from '../fixtures/damaged-files.js';

const SAMPLE: SafeTensors = {
  metadata: { format: 'test', note: 'φ' },
  tensors: [
    { name: 'a', shape: [2, 3], values: Float32Array.of(1, -2, 3, -4, 5, -6) },
    { name: 'b/λ', shape: [1], values: Float32Array.of(0.1) },
    { name: 'empty', shape: [0, 4], values: new Float32Array(0) },
    { name: 'scalar', shape: [], values: Float32Array.of(7) },
  ],
};

describe('encodeSafeTensors() and decodeSafeTensors()', () => {
  it('give tensors and metadata back', () => {
    assert.deepEqual(decodeSafeTensors('file', encodeSafeTensors(SAMPLE)), SAMPLE);
  });

  it('write what the format asks for', () => {
    const bytes = Buffer.from(encodeSafeTensors(SAMPLE));
    const headerLength = Number(bytes.readBigUInt64LE(0));
    assert.equal(headerLength % 8, 0);
    assert.equal(bytes.length, 8 + headerLength + 4 * (6 + 1 + 1));
    const header = JSON.parse(bytes.toString('utf8', 8, 8 + headerLength));
    assert.deepEqual(header, {
      __metadata__: { format: 'test', note: 'φ' },
      a: { dtype: 'F32', shape: [2, 3], data_offsets: [0, 24] },
      'b/λ': { dtype: 'F32', shape: [1], data_offsets: [24, 28] },
      empty: { dtype: 'F32', shape: [0, 4], data_offsets: [28, 28] },
      scalar: { dtype: 'F32', shape: [], data_offsets: [28, 32] },
    });
    assert.equal(bytes.readFloatLE(8 + headerLength + 4), -2);
  });

  it('write the values of a view, not of what it views', () => {
    const values = Float32Array.of(9, 1, 2, 9).subarray(1, 3);
    const [tensor] = decodeSafeTensors(
      'file',
      encodeSafeTensors({ metadata: {}, tensors: [{ name: 'a', shape: [2], values }] }),
    ).tensors;
    assert.deepEqual(tensor!.values, Float32Array.of(1, 2));
  });
});

describe('decodeSafeTensors()', () => {
  it('throws FileError at every length but the whole', () => {
    const bytes = Buffer.from(encodeSafeTensors(SAMPLE));
    for (let length = 0; length < bytes.length; length++) {
      assertFileError(() => decodeSafeTensors('cut.safetensors', bytes.subarray(0, length)), 'cut.safetensors');
    }
  });

  it('throws FileError, and never anything else, where a byte is damaged', () => {
    const bytes = Buffer.from(encodeSafeTensors(SAMPLE));
    let refused = 0;
    for (let at = 0; at < bytes.length; at++) {
      for (const value of [0, 0x20, 0x30, 0x39, 0x5d, 0x7d, 0xff]) {
        const damaged = Buffer.from(bytes);
        damaged[at] = value;
        try {
          decodeSafeTensors('file', damaged);
        } catch (error) {
          assert.ok(error instanceof FileError, `byte ${at} as ${value}: ${error}`);
          refused += 1;
        }
      }
    }
    assert.ok(refused > bytes.length);
  });

  it('throws FileError that says what is wrong with the header', () => {
    const entry = { dtype: 'F32', shape: [1], data_offsets: [0, 4] };
    for (const [header, why] of [
      ['no JSON', /must be JSON/],
      ['null', /JSON object/],
      ['3', /JSON object/],
      [{ a: { ...entry, dtype: 'F64' } }, /"a" must be of type F32, got F64/],
      [{ a: null }, /"a" must be of type F32/],
      [{ a: 5 }, /"a" must be of type F32/],
      [{ a: { dtype: 'F32' } }, /"a" must have a shape/],
      [{ a: { ...entry, shape: 'x' } }, /"a" must have a shape/],
      [{ a: { ...entry, data_offsets: [0, 8] } }, /"a" must lie within the file/],
      [{ a: { ...entry, data_offsets: [-4, 0] } }, /"a" must have a shape and two offsets of whole numbers/],
      [{ a: { ...entry, data_offsets: [4, 8] } }, /"a" must lie within the file/],
      [{ a: { ...entry, data_offsets: [] } }, /"a" must have a shape and two offsets of whole numbers/],
      [{ a: { ...entry, data_offsets: ['0', 'x'] } }, /"a" must have a shape and two offsets of whole numbers/],
      [{ a: { ...entry, shape: [2] } }, /"a" must lie within the file/],
      [
        { a: { ...entry, shape: [0.25], data_offsets: [0, 1] } },
        /"a" must have a shape and two offsets of whole numbers/,
      ],
      [{ a: { ...entry, shape: [-1, -1] } }, /"a" must have a shape and two offsets of whole numbers/],
      [{ __metadata__: { type: 'lstm', layers: 20 }, a: entry }, /its metadata must be strings by name/],
      [{ __metadata__: 5, a: entry }, /its metadata must be strings by name/],
      [{ a: { ...entry, shape: ['x'] } }, /"a" must have a shape and two offsets of whole numbers/],
    ] as const) {
      const error = assertFileError(() => decodeSafeTensors('file', fileOf(header, Buffer.alloc(4))), 'file');
      assert.match(error.message, why);
    }
  });

  it('throws FileError if tensors overlap, or a byte belongs to none', () => {
    const tensor = (begin: number, end: number) => ({
      dtype: 'F32',
      shape: [(end - begin) / 4],
      data_offsets: [begin, end],
    });
    for (const [header, bytes, why] of [
      [{ a: tensor(0, 8), b: tensor(4, 12) }, 12, /"b" must not overlap another one, and begins at byte 4 of 8$/],
      [{ a: tensor(0, 8), b: tensor(0, 8) }, 8, /"b" must not overlap/],
      [{ a: tensor(0, 12), b: tensor(4, 8) }, 12, /"b" must not overlap/],
      // one without entries lies between tensors, not within one
      [{ a: tensor(0, 8), b: tensor(4, 4) }, 8, /"b" must not overlap/],
      [{ a: tensor(0, 4), b: tensor(8, 12) }, 12, /none has those from 4 to 8$/],
      [{ a: tensor(4, 8) }, 8, /none has those from 0 to 4$/],
      [{ a: tensor(0, 4), b: tensor(4, 8) }, 9, /none has those from 8 to 9, its end$/],
      [{}, 1, /none has those from 0 to 1, its end$/],
      [[], 0, /must be a JSON object/],
    ] as const) {
      const file = fileOf(header, Buffer.alloc(bytes));
      assert.match(assertFileError(() => decodeSafeTensors('file', file), 'file').message, why);
    }
    const order = { b: tensor(4, 12), none: tensor(4, 4), a: tensor(0, 4), last: tensor(12, 12) };
    const { tensors } = decodeSafeTensors('file', fileOf(order, Buffer.alloc(12)));
    assert.deepEqual(
      tensors.map(({ name }) => name),
      ['b', 'none', 'a', 'last'],
    );
  });

  it('throws FileError for a header that is no UTF-8, and shows names without control characters', () => {
    const noText = fileOf({ a: { dtype: 'F64' } }, Buffer.alloc(0));
    noText[10] = 0xff;
    assert.match(assertFileError(() => decodeSafeTensors('file', noText), 'file').message, /header must be JSON$/);
    const evil = fileOf({ 'a\u001b[2J\u202e': { dtype: 'F64' } }, Buffer.alloc(0));
    assert.match(assertFileError(() => decodeSafeTensors('file', evil), 'file').message, /: tensor "a" must be of/);
  });
});
