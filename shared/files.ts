/** Files that are whole or absent. */
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { FileError } from './errors.js';
import { codeOf, troubleWith } from './file-trouble.js';

/**
 * Makes a folder and its parents, if they are missing. One by one: Node's recursive mkdir never returns if a parent exists
 * and still answers ENOENT, as /proc does.
 */
export function makeFolder(path: string): void {
  const missing: string[] = [];
  for (let at = path; !isFolder(at) && missing.at(-1) !== at; at = dirname(at)) missing.push(at);
  for (const each of missing.reverse()) {
    try {
      mkdirSync(each);
    } catch (cause) {
      // another process may have made it meanwhile
      if (codeOf(cause) === 'EEXIST' && isFolder(each)) continue;
      throw new FileError(path, `Cannot make the folder ${path}: ${whyNoFolder(each, cause)}`, { cause });
    }
  }
}

/** Whether there is a folder that can be looked at. */
export function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false; // what is done with the path next says what is wrong with it
  }
}

function whyNoFolder(path: string, cause: unknown): string {
  const code = codeOf(cause);
  if (code === 'EEXIST') return `${path} is not a folder`;
  // the parent was there a moment ago
  if (code === 'ENOENT') return `${dirname(path)} takes no new folders`;
  return troubleWith(path, cause);
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
    throw new FileError(path, `Cannot write ${path}: ${troubleWith(path, cause)}`, { cause });
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
    return new FileError(this.#path, `Cannot write ${this.#path}: ${troubleWith(this.#path, cause)}`, { cause });
  }
}

/** Reads a file that a person named; `what` says what it should be, as in "φ". */
export function readFileNamed(path: string, what: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    const why = codeOf(cause) === 'ENOENT' ? 'there is no such file' : troubleWith(path, cause);
    throw new FileError(path, `Cannot read ${what} from ${path}: ${why}`, { cause });
  }
}
