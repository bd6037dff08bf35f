/** Blobs as the files of one folder. */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder, readFileNamed, writeFileWhole } from '../files.js';
import type { BlobStore } from './blob-store.js';

export class FolderBlobs implements BlobStore {
  readonly #folder: string;

  /** Makes the folder if it is missing. */
  constructor(folder: string) {
    this.#folder = folder;
    makeFolder(folder);
  }

  async names(): Promise<string[]> {
    return readdirSync(this.#folder);
  }

  async read(name: string): Promise<Buffer> {
    return readFileNamed(this.placeOf(name), name);
  }

  async write(name: string, bytes: Uint8Array): Promise<void> {
    writeFileWhole(this.placeOf(name), bytes);
  }

  async remove(name: string): Promise<void> {
    rmSync(this.placeOf(name), { force: true });
  }

  placeOf(name: string): string {
    return join(this.#folder, name);
  }
}
