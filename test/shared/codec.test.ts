import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decode, decodeFrame, encode, encodeFrame } from '../../shared/codec.js';

/** One of everything that is sent and journalled; NaN with a payload, −0, denormals and infinities among the numbers. */
function sample() {
  const floats = new Float32Array(9);
  new Uint32Array(floats.buffer).set([
    0, 0x80000000, 1, 0x7f800000, 0xff800000, 0x7fc00001, 0x3f800001, 0x00ffffff, 0x7f7fffff,
  ]);
  const doubles = Float64Array.of(
    0,
    -0,
    Number.MIN_VALUE,
    Number.MAX_VALUE,
    Number.POSITIVE_INFINITY,
    Number.NaN,
    1 / 3,
  );
  return {
    text: 'φ_n: ∇, "quoted"',
    none: null,
    yes: true,
    integers: [0, -1, 127, 128, 65536, 2 ** 40, -(2 ** 31), Number.MAX_SAFE_INTEGER],
    numbers: [0.1, -1e300, 1e-320],
    nested: { list: [{ a: 1 }, { b: [2, 3] }], empty: {}, nothing: [] },
    floats,
    doubles,
    bytes: Uint8Array.of(1, 2, 3),
    words: Uint32Array.of(1, 2 ** 32 - 1),
    emptyFloats: new Float32Array(0),
    view: floats.subarray(6, 8),
  };
}

function bytesOf(array: ArrayBufferView): number[] {
  return [...new Uint8Array(array.buffer, array.byteOffset, array.byteLength)];
}

function assertSample(value: unknown): void {
  const [actual, expected] = [value as ReturnType<typeof sample>, sample()];
  assert.deepEqual(actual, expected);
  // assert takes any NaN for any other
  assert.deepEqual(bytesOf(actual.floats), bytesOf(expected.floats));
  assert.deepEqual(bytesOf(actual.doubles), bytesOf(expected.doubles));
}

describe('encode() and decode()', () => {
  it('keep the type and the bits of typed arrays, and every other value', () => {
    assertSample(decode(encode(sample())));
  });

  it('keep values apart: later calls and changed bytes do not reach what was decoded', () => {
    const first = encode(sample());
    const copy = Buffer.from(first);
    const second = encode({ other: new Float32Array(100).fill(7) });
    assert.deepEqual(first, copy);
    const decoded = decode(first);
    first.fill(0);
    second.fill(0);
    encode(new Float32Array(1000).fill(3));
    assertSample(decoded);
  });

  it('read bytes at any offset', () => {
    const bytes = encode(sample());
    for (let offset = 1; offset < 9; offset++) {
      const moved = Buffer.concat([Buffer.alloc(offset), bytes]).subarray(offset);
      assertSample(decode(moved));
    }
  });
});

describe('encodeFrame() and decodeFrame()', () => {
  it('give values back one after the other, from any offset', () => {
    const frames = [encodeFrame({ n: 1 }), encodeFrame(sample()), encodeFrame('last')];
    const bytes = Buffer.concat([Buffer.alloc(3), ...frames]);
    const first = decodeFrame(bytes, 3)!;
    assert.deepEqual(first.value, { n: 1 });
    const second = decodeFrame(bytes, first.end)!;
    assertSample(second.value);
    const third = decodeFrame(bytes, second.end)!;
    assert.deepEqual(third, { value: 'last', end: bytes.length });
    assert.equal(decodeFrame(bytes, third.end), undefined);
    assert.equal(decodeFrame(bytes, 0), undefined);
  });

  it('give undefined for a frame that is torn anywhere', () => {
    const frame = encodeFrame(sample());
    for (let length = 0; length < frame.length; length++)
      assert.equal(decodeFrame(frame.subarray(0, length)), undefined);
    assert.ok(decodeFrame(frame));
  });

  it('give undefined for a frame with any bit flipped', () => {
    const frame = encodeFrame({ round: 3, phi: Float32Array.of(1, 2, 3) });
    for (let bit = 0; bit < 8 * frame.length; bit++) {
      const damaged = Buffer.from(frame);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      assert.equal(decodeFrame(damaged), undefined, `bit ${bit}`);
    }
  });
});
