/** Zip archives (PKWARE's APPNOTE 6.3) without compression. */
import { crc32 } from 'node:zlib';

/** A file of an archive. */
export interface ZipEntry {
  /** In ASCII. */
  name: string;
  bytes: Uint8Array;
}

/** Version 2.0 of the format. */
const VERSION = 20;
/** 1 January 1980, midnight, so that the bytes depend on the entries alone. */
const DATE = 0x21;
const TIME = 0;

/** The bytes of the archive. Entries and archive must be below 4 GiB. */
export function encodeZip(entries: readonly ZipEntry[]): Buffer {
  const files: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, bytes } of entries) {
    const shared = sharedHeader(name, bytes);
    const file = Buffer.concat([Buffer.from('PK\x03\x04'), shared, Buffer.from(name), bytes]);
    files.push(file);
    // version made by; then comment length, disk and attributes, all 0; then the offset of the local header
    const [before, after] = [Buffer.alloc(2), Buffer.alloc(14)];
    before.writeUInt16LE(VERSION);
    after.writeUInt32LE(offset, 10);
    directory.push(Buffer.from('PK\x01\x02'), before, shared, after, Buffer.from(name));
    offset += file.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...files, central, end]);
}

/** The fields that a local header and a directory entry share. */
function sharedHeader(name: string, bytes: Uint8Array): Buffer {
  const header = Buffer.alloc(26);
  header.writeUInt16LE(VERSION, 0);
  header.writeUInt16LE(TIME, 6);
  header.writeUInt16LE(DATE, 8);
  header.writeUInt32LE(crc32(bytes), 10);
  header.writeUInt32LE(bytes.length, 14);
  header.writeUInt32LE(bytes.length, 18);
  header.writeUInt16LE(name.length, 22);
  return header;
}
