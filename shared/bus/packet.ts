/**
 * Packets: what a bus puts into one message of a broker. A message that is too large for one packet goes in several. The
 * layout is the same in every version of the protocol, so that one side can tell the other that it speaks another one.
 *
 * Little-endian: magic (2 bytes), protocol (1), kind (1), session (8), message (4), index (4), count (4), size (4),
 * CRC-32 of all that and of the payload (4), payload, at whose end is the seal of its sender.
 */
import { crc32 } from 'node:zlib';
import { PROTOCOL } from '../messages.js';
import { ShapeError, shapeError } from '../shape.js';

const MAGIC = 0x4c4f; // "OL"
const HEADER = 32;
const KINDS = ['part', 'ask', 'grant'] as const;

/** `part`: a part of a message. `ask`: may I send a part of this size? `grant`: the answer to both. */
export type PacketKind = (typeof KINDS)[number];

export interface Packet {
  protocol: number;
  kind: PacketKind;
  /** Which session of its sender: 16 hexadecimal digits, as `newSession` makes them. */
  session: string;
  /** Number of the message within its session, from 1. */
  message: number;
  /** Which part, from 0. In a grant: the parts that have arrived. */
  index: number;
  /** Parts of the message. */
  count: number;
  /** Bytes of the whole message; in an ask those of the part, in a grant those that may be sent. */
  size: number;
  payload: Uint8Array;
}

const NOTHING = new Uint8Array(0);

/** What proves who sent a packet: so many bytes at the end of its payload, a function of all before them. */
export interface Seal {
  readonly bytes: number;
  /** Writes the seal into the end of the packet; of the rest only the checksum is still missing. */
  write(packet: Buffer): void;
}

/** A packet's fields, as its sender knows them. */
export type PacketFields = Omit<Packet, 'protocol' | 'payload'> & Partial<Pick<Packet, 'protocol' | 'payload'>>;

/** A packet as bytes. */
export function encodePacket(packet: PacketFields, seal?: Seal): Buffer {
  const { protocol = PROTOCOL, kind, session, message, index, count, size, payload = NOTHING } = packet;
  const bytes = Buffer.allocUnsafe(HEADER + payload.length + (seal?.bytes ?? 0));
  bytes.writeUInt16LE(MAGIC, 0);
  bytes.writeUInt8(protocol, 2);
  bytes.writeUInt8(KINDS.indexOf(kind), 3);
  bytes.write(session, 4, 8, 'hex');
  [message, index, count, size].forEach((field, i) => {
    bytes.writeUInt32LE(field, 12 + 4 * i);
  });
  bytes.set(payload, HEADER);
  seal?.write(bytes);
  bytes.writeUInt32LE(checksumOf(bytes), HEADER - 4);
  return bytes;
}

/** The packet of some bytes; throws ShapeError if they are none, or were damaged. */
export function decodePacket(received: Uint8Array): Packet {
  const bytes = Buffer.from(received.buffer, received.byteOffset, received.byteLength);
  if (bytes.length < HEADER || bytes.readUInt16LE(0) !== MAGIC) throw new ShapeError('it is no packet of lopt');
  if (checksumOf(bytes) !== bytes.readUInt32LE(HEADER - 4)) {
    throw new ShapeError('its checksum must match, and it does not');
  }
  const kind = KINDS[bytes.readUInt8(3)];
  if (!kind) throw shapeError('packet.kind', `from 0 to ${KINDS.length - 1}`, bytes.readUInt8(3));
  const [message, index, count, size] = [12, 16, 20, 24].map((at) => bytes.readUInt32LE(at)) as [
    number,
    number,
    number,
    number,
  ];
  if (message === 0) throw shapeError('packet.message', 'at least 1', message);
  if (index >= count && !(kind === 'grant' && index === count)) {
    throw shapeError('packet.index', `below ${count}`, index);
  }
  return {
    protocol: bytes.readUInt8(2),
    kind,
    session: bytes.toString('hex', 4, 12),
    message,
    index,
    count,
    size,
    payload: bytes.subarray(HEADER),
  };
}

/** The parts of a packet that its seal is a function of: all but the checksum and the last `seal` bytes. */
export function sealedParts(packet: Uint8Array, seal: number): [Uint8Array, Uint8Array] {
  return [packet.subarray(0, HEADER - 4), packet.subarray(HEADER, packet.length - seal)];
}

/** CRC-32 of a packet without the field that holds it. */
function checksumOf(bytes: Buffer): number {
  const header = crc32(bytes.subarray(0, HEADER - 4));
  // of no bytes at all, Node's crc32 forgets what it goes on from
  return bytes.length === HEADER ? header : crc32(bytes.subarray(HEADER), header);
}

/** Bytes of a message that one packet may take, for a broker that takes `maxPayload` in one message. */
export function partBytes(maxPayload: number): number {
  return Math.min(Math.floor(maxPayload / 2), MOST_PART_BYTES) - HEADER - LARGEST_SEAL;
}

/** What a seal takes at most. */
export const LARGEST_SEAL = 128;

/** What one part may hold at most, whatever the broker takes. */
export const MOST_PART_BYTES = 512 * 1024;

/** A message cut into parts; an empty one is one empty part. */
export function cut(message: Uint8Array, bytes: number): Uint8Array[] {
  const count = Math.max(1, Math.ceil(message.length / bytes));
  return Array.from({ length: count }, (_, index) => message.subarray(index * bytes, (index + 1) * bytes));
}
