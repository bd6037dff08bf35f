/** Where the files that a resumed run cuts or replaces are kept: each name once, as the last such run found it. */
import { appendFileSync, copyFileSync, existsSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { FileError } from './errors.js';
import { troubleWith } from './file-trouble.js';
import { makeFolder } from './files.js';

export class Aside {
  readonly #path: string;
  /** Whether files that an earlier process kept go before the first one is kept here. */
  readonly #emptied: boolean;
  /** The names that this process has kept, or found nothing to keep of. */
  readonly #kept = new Set<string>();

  /** Nothing is made or removed before there is something to keep. */
  constructor(path: string, { emptied = false } = {}) {
    this.#path = path;
    this.#emptied = emptied;
  }

  /** A folder in this one for files that belong together: those of an earlier process go when the first one comes. */
  group(name: string): Aside {
    return new Aside(join(this.#path, name), { emptied: true });
  }

  /** Keeps a copy of a file that is about to be replaced, as it was before this process replaced it the first time. */
  copy(file: string): void {
    if (!this.#isFirst(basename(file)) || !existsSync(file)) return;
    this.#keep(file, (place) => copyFileSync(file, place));
  }

  /** Takes a file that is to be removed. */
  move(file: string): void {
    this.#isFirst(basename(file));
    this.#keep(file, (place) => renameSync(file, place));
  }

  /** Keeps bytes that are cut off a file: after those that this process has kept under the name, instead of any others. */
  append(name: string, bytes: Uint8Array): void {
    const first = this.#isFirst(name);
    this.#keep(name, (place) => {
      if (first) rmSync(place, { force: true });
      appendFileSync(place, bytes);
    });
  }

  #isFirst(name: string): boolean {
    const first = !this.#kept.has(name);
    if (first && this.#emptied && this.#kept.size === 0) rmSync(this.#path, { recursive: true, force: true });
    this.#kept.add(name);
    return first;
  }

  #keep(file: string, write: (place: string) => void): void {
    const place = join(this.#path, basename(file));
    makeFolder(this.#path);
    try {
      write(place);
    } catch (cause) {
      throw new FileError(place, `Cannot keep what ${file} held in ${place}: ${troubleWith(place, cause)}`, { cause });
    }
  }
}
