/** Blobs as the files of one folder. */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Aside } from '../aside.js';
import { makeFolder, readFileNamed, writeFileWhole } from '../files.js';
import type { BlobStore } from './blob-store.js';

export class FolderBlobs implements BlobStore {
  readonly #folder: string;
  readonly #aside: Aside | undefined;
  /** The blobs that were there at the start, as long as they are. */
  readonly #found: Set<string>;

  /** Makes the folder if it is missing. @param aside takes the blobs that were there at the start when they are removed or replaced */
  constructor(folder: string, aside?: Aside) {
    this.#folder = folder;
    this.#aside = aside;
    makeFolder(folder);
    this.#found = new Set(readdirSync(folder));
  }

  async names(): Promise<string[]> {
    return readdirSync(this.#folder);
  }

  async read(name: string): Promise<Buffer> {
    return readFileNamed(this.placeOf(name), name);
  }

  async write(name: string, bytes: Uint8Array): Promise<void> {
    if (this.#found.delete(name)) this.#aside?.copy(this.placeOf(name));
    writeFileWhole(this.placeOf(name), bytes);
  }

  async remove(name: string): Promise<void> {
    const path = this.placeOf(name);
    if (this.#found.delete(name) && this.#aside && existsSync(path)) this.#aside.move(path);
    else rmSync(path, { force: true });
  }

  placeOf(name: string): string {
    return join(this.#folder, name);
  }
}
