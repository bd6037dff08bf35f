/**
 * TensorFlow's record files (tensorflow/core/lib/io/record_writer.h). A record is its length in 8 bytes, the masked
 * CRC-32C of those, the data and its masked CRC-32C; all little-endian.
 */

const LENGTH = 8;
const CHECKSUM = 4;

/** The table of CRC-32C (RFC 3720, section 12.1): the Castagnoli polynomial 0x1edc6f41, bits reversed. */
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? 0x82f63b78 : 0);
  return remainder;
});

/** The CRC-32C of the bytes. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) crc = TABLE[(crc ^ bytes[i]!) & 0xff]! ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** Masks a checksum by rotation and an offset: the CRC of data that contains CRCs would be weak. */
function maskedCrc32c(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** Encodes data as a record. */
export function encodeRecord(data: Uint8Array): Buffer {
  const record = Buffer.alloc(LENGTH + CHECKSUM + data.length + CHECKSUM);
  record.writeBigUInt64LE(BigInt(data.length), 0);
  record.writeUInt32LE(maskedCrc32c(record.subarray(0, LENGTH)), LENGTH);
  record.set(data, LENGTH + CHECKSUM);
  record.writeUInt32LE(maskedCrc32c(data), record.length - CHECKSUM);
  return record;
}

/** The records of a file with their positions, up to the first that is torn or damaged. */
export function* recordsOf(bytes: Buffer): Generator<{ start: number; end: number; data: Buffer }> {
  for (let start = 0; start + LENGTH + CHECKSUM <= bytes.length; ) {
    const head = bytes.subarray(start, start + LENGTH);
    if (bytes.readUInt32LE(start + LENGTH) !== maskedCrc32c(head)) return;
    const from = start + LENGTH + CHECKSUM;
    const to = from + Number(head.readBigUInt64LE());
    const end = to + CHECKSUM;
    if (end > bytes.length) return;
    const data = bytes.subarray(from, to);
    if (bytes.readUInt32LE(to) !== maskedCrc32c(data)) return;
    yield { start, end, data };
    start = end;
  }
}
