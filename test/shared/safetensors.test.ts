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
});
