/** The files of a data set: the interface of a format, and how files are read. */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { FileError, messageOf } from '../../../shared/errors.js';
import { readFileNamed } from '../../../shared/files.js';
import type { ImageKind, LabelledImages } from './image-set.js';

/** A file's content, decompressed. */
export interface DataFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** SHA-256 of the content, the same whether the file is compressed or not. */
  readonly hash: string;
}

/** A way to store labelled images in a folder. */
export interface ImageFormat {
  /** For a sentence, after "the files of". */
  readonly name: string;
  /** The names of its files; each may be compressed, with .gz at its end. */
  readonly files: readonly string[];
  /** Checks and parses the files, given by name; throws FileError, a sentence with the path. */
  parse(files: ReadonlyMap<string, DataFile>): LabelledImages;
  /**
   * The size of the images and the number of classes, from the paths of the files by name; reads as little as possible.
   */
  kindOf(paths: ReadonlyMap<string, string>): ImageKind;
}

/** Reads a file; decompresses it if its name ends in .gz. */
export function readDataFile(path: string): DataFile {
  let bytes: Uint8Array = readFileNamed(path, 'images');
  if (path.endsWith('.gz')) {
    try {
      bytes = gunzipSync(bytes);
    } catch (cause) {
      throw wrongFile(path, `must be whole and compressed by gzip (${messageOf(cause)})`, cause);
    }
  }
  return { path, bytes, hash: createHash('sha256').update(bytes).digest('hex') };
}

/** Up to `length` bytes from the start of a file; all of it if it is compressed. */
export function readBeginning(path: string, length: number): Omit<DataFile, 'hash'> {
  if (path.endsWith('.gz')) return readDataFile(path);
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
