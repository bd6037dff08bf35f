/** The files of a data set: the interface of a format, and how files are read. */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { FileError, messageOf } from '../../../shared/errors.js';
import { readFileNamed } from '../../../shared/files.js';
import type { ImageKind, LabelledImages } from './image-set.js';
import { unpack, unpackBeginning } from './unpack.js';

/** A file's content, decompressed. */
export interface DataFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** SHA-256 of the content, the same whether the file is compressed or not. */
  readonly hash: string;
}

/** The first bytes of a file's content, decompressed. */
export type Beginning = Pick<DataFile, 'path' | 'bytes'>;

/** How long the content of a file is. */
export interface ContentLength {
  /** By its header. Throws FileError if there is none; undefined if the format has none. */
  stated(beginning: Beginning): number | undefined;
  /** The most that a compressed file may unpack to. */
  mostUnpacked: number;
}

/** A way to store labelled images in a folder. */
export interface ImageFormat {
  /** For a sentence, after "the files of". */
  readonly name: string;
  /** The names of its files; each may be compressed, with .gz at its end. */
  readonly files: readonly string[];
  /** How long the content of the file with this name is. */
  lengthOf(name: string): ContentLength;
  /** Checks and parses the files, given by name; throws FileError, a sentence with the path. */
  parse(files: ReadonlyMap<string, DataFile>): LabelledImages;
  /**
   * The size of the images and the number of classes, from the paths of the files by name; reads as little as possible.
   */
  kindOf(paths: ReadonlyMap<string, string>): ImageKind;
}

/** No format has a longer header. */
const BEGINNING = 64;

/** Reads a file; if its name ends in .gz, decompresses it, but no further than its content may go. */
export function readDataFile(path: string, length: ContentLength): DataFile {
  const stored = readFileNamed(path, 'images');
  const bytes = path.endsWith('.gz') ? unpacked(path, stored, length) : stored;
  return { path, bytes, hash: createHash('sha256').update(bytes).digest('hex') };
}

function unpacked(path: string, packed: Uint8Array, { stated, mostUnpacked }: ContentLength): Uint8Array {
  const length = stated({ path, bytes: gunzip(path, () => unpackBeginning(packed, BEGINNING)) });
  const atMost = `must be at most ${mostUnpacked} bytes long if it is compressed`;
  if (length !== undefined && length > mostUnpacked) {
    throw wrongFile(path, `${atMost}, and its header says ${length}; decompress it`);
  }
  const content = gunzip(path, () => unpack(packed, length ?? mostUnpacked));
  if (content) return content;
  throw wrongFile(
    path,
    length === undefined
      ? `${atMost}, and is longer; decompress it`
      : `must be ${length} bytes long, as its header says, and is longer`,
  );
}

function gunzip<Content>(path: string, work: () => Content): Content {
  try {
    return work();
  } catch (cause) {
    throw wrongFile(path, `must be whole and compressed by gzip (${messageOf(cause)})`, cause);
  }
}

/** Up to `length` bytes from the start of a file's content. */
export function readBeginning(path: string, length: number): Beginning {
  if (path.endsWith('.gz')) {
    const packed = readFileNamed(path, 'images');
    return { path, bytes: gunzip(path, () => unpackBeginning(packed, length)) };
  }
  const bytes = new Uint8Array(length);
  try {
    const file = openSync(path, 'r');
    try {
      return { path, bytes: bytes.subarray(0, readSync(file, bytes)) };
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    throw wrongFile(path, `must be a file (${messageOf(cause)})`, cause);
  }
}

/** Bytes that threads can share, copied from `source` or 0. */
export function sharedBytes(length: number, source?: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(new SharedArrayBuffer(length));
  if (source) bytes.set(source);
  return bytes;
}

/** The error about a file that is not what it should be; `what` continues the sentence after the path. */
export function wrongFile(path: string, what: string, cause?: unknown): FileError {
  return new FileError(path, `Cannot read images: ${path} ${what}`, cause === undefined ? {} : { cause });
}

/** Throws FileError unless all labels are below `classes`. */
export function checkLabels(path: string, labels: Uint8Array, classes: number): void {
  const wrong = labels.find((label) => label >= classes);
  if (wrong !== undefined) throw wrongFile(path, `must hold labels from 0 to ${classes - 1}, got ${wrong}`);
}
