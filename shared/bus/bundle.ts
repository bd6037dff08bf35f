/** Several messages in one: each one's length (4 bytes, little-endian) before its bytes. */
import { ShapeError } from '../shape.js';

const LENGTH = 4;

/** Bytes that a message takes in a bundle. */
export function bundledBytes(message: Uint8Array): number {
  return LENGTH + message.length;
}

/** Messages as one. */
export function bundle(messages: readonly Uint8Array[]): Buffer {
  const bytes = Buffer.allocUnsafe(messages.reduce((sum, message) => sum + bundledBytes(message), 0));
  let at = 0;
  for (const message of messages) {
    bytes.writeUInt32LE(message.length, at);
    bytes.set(message, at + LENGTH);
    at += bundledBytes(message);
  }
  return bytes;
}

/** The messages of a bundle, as views of it; throws ShapeError if it is none. */
export function unbundle(received: Uint8Array): Uint8Array[] {
  const bytes = Buffer.from(received.buffer, received.byteOffset, received.byteLength);
  const messages: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const start = at + LENGTH;
    const end = start <= bytes.length ? start + bytes.readUInt32LE(at) : Number.POSITIVE_INFINITY;
    if (end > bytes.length) throw new ShapeError('it is no bundle of messages: one of them is cut off');
    messages.push(bytes.subarray(start, end));
    at = end;
  }
  return messages;
}
