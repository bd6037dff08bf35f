/**
 * Checks the bytes of a MessagePack value before they are decoded: five bytes from a stranger may announce an array of
 * 4·10^9 entries, for which a decoder allocates memory at once; others nest without end, or name extensions that
 * construct objects of classes. (The format: https://github.com/msgpack/msgpack/blob/master/spec.md)
 */
import { ShapeError } from './shape.js';

/** Messages nest five deep. */
const DEEPEST = 16;
/** msgpackr's typed arrays, the only extension in messages. */
const TYPED_ARRAY = 0x74;

/** Throws ShapeError unless the bytes are one plain value: numbers, text, bytes, typed arrays, lists and maps. */
export function checkMessagePack(received: Uint8Array): void {
  const bytes = Buffer.from(received.buffer, received.byteOffset, received.byteLength);
  const end = skipValue(bytes, 0, 0);
  if (end !== bytes.length) throw new ShapeError(`it must be one value, and ${bytes.length - end} bytes follow it`);
}

/** Where the value at `at` ends. */
function skipValue(bytes: Buffer, at: number, depth: number): number {
  const head = byteAt(bytes, at);
  if (head <= 0x7f || head >= 0xe0) return at + 1;
  if (head <= 0x8f) return skipMany(bytes, at + 1, 2 * (head & 0x0f), depth);
  if (head <= 0x9f) return skipMany(bytes, at + 1, head & 0x0f, depth);
  if (head <= 0xbf) return skipBytes(bytes, at + 1, head & 0x1f);
  switch (head) {
    case 0xc0: // nil
    case 0xc2: // false
    case 0xc3: // true
      return at + 1;
    case 0xc4: // bin 8, 16, 32
    case 0xc5:
    case 0xc6:
      return skipSized(bytes, at + 1, 1 << (head - 0xc4));
    case 0xc7: // ext 8, 16, 32
    case 0xc8:
    case 0xc9: {
      const width = 1 << (head - 0xc7);
      if (byteAt(bytes, at + 1 + width) !== TYPED_ARRAY) break;
      // the type stands between the size and the bytes
      return skipSized(bytes, at + 1, width) + 1;
    }
    case 0xca: // float 32
    case 0xce: // uint 32
    case 0xd2: // int 32
      return skipBytes(bytes, at + 1, 4);
    case 0xcb: // float 64
    case 0xcf: // uint 64
    case 0xd3: // int 64
      return skipBytes(bytes, at + 1, 8);
    case 0xcc: // uint 8
    case 0xd0: // int 8
      return skipBytes(bytes, at + 1, 1);
    case 0xcd: // uint 16
    case 0xd1: // int 16
      return skipBytes(bytes, at + 1, 2);
    case 0xd4: // fixext 1, 2, 4, 8, 16
    case 0xd5:
    case 0xd6:
    case 0xd7:
    case 0xd8:
      if (byteAt(bytes, at + 1) !== TYPED_ARRAY) break;
      return skipBytes(bytes, at + 2, 1 << (head - 0xd4));
    case 0xd9: // str 8, 16, 32
    case 0xda:
    case 0xdb:
      return skipSized(bytes, at + 1, 1 << (head - 0xd9));
    case 0xdc: // array 16, 32
    case 0xdd: {
      const width = 2 << (head - 0xdc);
      return skipMany(bytes, at + 1 + width, sizeAt(bytes, at + 1, width), depth);
    }
    case 0xde: // map 16, 32
    case 0xdf: {
      const width = 2 << (head - 0xde);
      return skipMany(bytes, at + 1 + width, 2 * sizeAt(bytes, at + 1, width), depth);
    }
  }
  throw new ShapeError(`it must be made of plain values, got one of kind 0x${head.toString(16)}`);
}

function skipMany(bytes: Buffer, at: number, count: number, depth: number): number {
  if (depth === DEEPEST) throw new ShapeError(`it must nest at most ${DEEPEST} deep`);
  // each takes at least one byte
  skipBytes(bytes, at, count);
  let next = at;
  for (let i = 0; i < count; i++) next = skipValue(bytes, next, depth + 1);
  return next;
}

function skipSized(bytes: Buffer, at: number, width: number): number {
  return skipBytes(bytes, at + width, sizeAt(bytes, at, width));
}

function skipBytes(bytes: Buffer, at: number, count: number): number {
  if (at + count > bytes.length) throw new ShapeError('it is cut off');
  return at + count;
}

function sizeAt(bytes: Buffer, at: number, width: number): number {
  skipBytes(bytes, at, width);
  return bytes.readUIntBE(at, width);
}

function byteAt(bytes: Buffer, at: number): number {
  skipBytes(bytes, at, 1);
  return bytes[at]!;
}
