/** Files that are whole or absent. */
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { FileError, messageOf } from './errors.js';

/** Makes a folder and its parents, if they are missing. */
export function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (cause) {
    throw new FileError(path, `Cannot make the folder ${path}: ${messageOf(cause)}`, { cause });
  }
}

/**
 * Writes a file aside and renames it, so that a crash leaves the old file or the new one.
 * @param mode who may read and write it. @default what the process gives to files
 */
export function writeFileWhole(path: string, bytes: Uint8Array | string, { mode }: { mode?: number } = {}): void {
  const aside = `${path}.partial`;
  try {
    const file = openSync(aside, 'w', mode);
    try {
      const buffer = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
      for (let at = 0; at < buffer.length; ) at += writeSync(file, buffer, at);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(aside, path);
  } catch (cause) {
    rmSync(aside, { force: true });
    throw new FileError(path, `Cannot write ${path}: ${messageOf(cause)}`, { cause });
  }
}

/** A file to append to. Appends go to the operating system at once, so a killed process loses nothing. */
export class GrowingFile {
  readonly #path: string;
  #file: number | undefined;

  /** Opens the file; makes it if it is missing. */
  constructor(path: string) {
    this.#path = path;
    try {
      this.#file = openSync(path, 'a');
    } catch (cause) {
      throw this.#error(cause);
    }
  }

  append(bytes: Uint8Array): void {
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#file!, bytes, at);
    } catch (cause) {
      throw this.#error(cause);
    }
  }

  /** Idempotent. */
  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #error(cause: unknown): FileError {
    return new FileError(this.#path, `Cannot write ${this.#path}: ${messageOf(cause)}`, { cause });
  }
}

/** Reads a file that a person named; `what` says what it should be, as in "φ". */
export function readFileNamed(path: string, what: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new FileError(
      path,
      `Cannot read ${what} from ${path}: ${missing ? 'there is no such file' : messageOf(cause)}`,
      {
        cause,
      },
    );
  }
}
