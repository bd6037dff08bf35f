/** Reads the lines that another thread appends to a file. */
import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';

const CHUNK = 1 << 20;
const NEWLINE = 0x0a;

export class FollowedFile {
  readonly #path: string;
  #at = 0;
  /** The start of a line that is not complete yet. */
  #rest = Buffer.alloc(0);

  constructor(path: string) {
    this.#path = path;
  }

  /**
   * The complete lines appended since the last call. `restarted` says that the file has become shorter, as after a
   * recovery, and that these are all its lines.
   */
  read(): { lines: string[]; restarted: boolean } {
    if (!existsSync(this.#path)) return { lines: [], restarted: false };
    const file = openSync(this.#path, 'r');
    try {
      const { size } = fstatSync(file);
      const restarted = size < this.#at;
      if (restarted) {
        this.#at = 0;
        this.#rest = Buffer.alloc(0);
      }
      const lines: string[] = [];
      while (this.#at < size) {
        const chunk = Buffer.alloc(Math.min(CHUNK, size - this.#at));
        const count = readSync(file, chunk, 0, chunk.length, this.#at);
        if (count === 0) break;
        this.#at += count;
        lines.push(...this.#linesOf(chunk.subarray(0, count)));
      }
      return { lines, restarted };
    } finally {
      closeSync(file);
    }
  }

  #linesOf(chunk: Buffer): string[] {
    const bytes = Buffer.concat([this.#rest, chunk]);
    const end = bytes.lastIndexOf(NEWLINE) + 1;
    this.#rest = bytes.subarray(end);
    return end === 0 ? [] : bytes.toString('utf8', 0, end - 1).split('\n');
  }
}
