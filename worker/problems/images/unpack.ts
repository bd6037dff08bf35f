/** Unpacks gzip no further than the content should go: a few bytes may unpack to gigabytes. */
import { constants, gunzipSync } from 'node:zlib';

/** Compressed bytes that are looked at together; at most 1032 times as many come out. */
const PIECE = 1024;
/** A file may begin with names and comments, but not with more of them. */
const MOST_PIECES = 128;

/** Up to `length` bytes of the beginning; fewer if the content is shorter. Throws the error of zlib. */
export function unpackBeginning(packed: Uint8Array, length: number): Uint8Array {
  for (let pieces = 1; pieces <= MOST_PIECES; pieces++) {
    const isWhole = pieces * PIECE >= packed.length;
    const taken = packed.subarray(0, pieces * PIECE);
    const unpacked = gunzipSync(taken, isWhole ? {} : { finishFlush: constants.Z_SYNC_FLUSH });
    if (isWhole || unpacked.length >= length) return unpacked.subarray(0, length);
  }
  throw new Error(`nothing is in its first ${MOST_PIECES * PIECE} bytes`);
}

/** The content; undefined if it is longer than `longest`. Throws the error of zlib. */
export function unpack(packed: Uint8Array, longest: number): Uint8Array | undefined {
  try {
    // zlib takes no limit of 0
    const content = gunzipSync(packed, { maxOutputLength: longest + 1 });
    return content.length <= longest ? content : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return undefined;
    throw error;
  }
}
