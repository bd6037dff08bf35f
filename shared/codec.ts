/** Values as bytes: MessagePack with typed arrays, framed by length and checksum in files. */
import { crc32 } from 'node:zlib';
import { Packr } from 'msgpackr';
import { checkMessagePack } from './message-pack.js';

// without moreTypes a Float32Array would lose its type; decoded arrays are copies, not views of the bytes
const packr = new Packr({ moreTypes: true, useRecords: false });

/** A value as bytes. Typed arrays keep their type and bits. */
export function encode(value: unknown): Buffer {
  return packr.pack(value);
}

/** The value that `encode` encoded; throws if the bytes are malformed. */
export function decode(bytes: Uint8Array): unknown {
  return packr.unpack(bytes);
}

/** The same for bytes from outside the process; throws ShapeError if they are not one plain value. */
export function decodeReceived(bytes: Uint8Array): unknown {
  checkMessagePack(bytes);
  return decode(bytes);
}

const MAGIC = 0x6c6f7074; // "lopt"
const HEADER = 12;

/** A frame: magic number, length, CRC-32, then the value. */
export function encodeFrame(value: unknown): Buffer {
  const payload = encode(value);
  const frame = Buffer.allocUnsafe(HEADER + payload.length);
  frame.writeUInt32LE(MAGIC, 0);
  frame.writeUInt32LE(payload.length, 4);
  frame.writeUInt32LE(crc32(payload), 8);
  payload.copy(frame, HEADER);
  return frame;
}

/** The frame at `offset`; undefined if it is incomplete or damaged. */
export function decodeFrame(bytes: Buffer, offset = 0): { value: unknown; end: number } | undefined {
  if (offset + HEADER > bytes.length || bytes.readUInt32LE(offset) !== MAGIC) return undefined;
  const start = offset + HEADER;
  const end = start + bytes.readUInt32LE(offset + 4);
  if (end > bytes.length) return undefined;
  const payload = bytes.subarray(start, end);
  if (crc32(payload) !== bytes.readUInt32LE(offset + 8)) return undefined;
  return { value: decode(payload), end };
}
