/** The folder of a sweep: its file, the settings it was started with, the trial log, and a folder for every segment. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readSweepFile } from '../../coordinator/population/file/sweep-file.js';
import type { SweepPlan } from '../../coordinator/population/plan.js';
import { VERSION } from '../../shared/config.js';
import { FileError, UsageError } from '../../shared/errors.js';
import { makeFolder, readFileNamed, writeFileWhole } from '../../shared/files.js';
import { integer, nullable, object, text } from '../../shared/shape.js';
import { sweepFlags } from './sweep-flags.js';

/** sweep.json: what a sweep depends on besides its file. */
export interface StoredSweep {
  /** lopt's version. */
  version: string;
  /** Digest of the sweep file's content. */
  digest: string;
  problem: string;
  seed: number;
  parallel: number;
  /** Absolute path of the user's problem module; null if there is none. */
  problemModule: string | null;
}

const storedShape = object<StoredSweep>({
  version: text(64),
  digest: text(64),
  problem: text(256),
  seed: integer(0),
  parallel: integer(1),
  problemModule: nullable(text(4096)),
});

export class SweepFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** A copy of the sweep's file. */
  get file(): string {
    return join(this.path, 'sweep.yaml');
  }

  /** The trial log, in Optuna's format. */
  get log(): string {
    return join(this.path, 'trials.log');
  }

  get report(): string {
    return join(this.path, 'report.html');
  }

  get #stored(): string {
    return join(this.path, 'sweep.json');
  }

  /** Whether it holds a sweep. */
  get begun(): boolean {
    return existsSync(this.#stored);
  }

  /** Creates the folder of a new sweep. Throws UsageError if it is not empty. */
  create(file: string, stored: StoredSweep): void {
    makeFolder(this.path);
    if (readdirSync(this.path).length > 0) {
      const what = existsSync(this.#stored)
        ? 'it holds a sweep already; add --resume to continue it, or'
        : 'it must be empty;';
      throw new UsageError(`Cannot sweep into ${this.path}: ${what} name another folder with --out`);
    }
    writeFileWhole(this.file, readFileNamed(file, 'a sweep'));
    writeFileWhole(this.#stored, `${JSON.stringify(stored, null, 2)}\n`);
  }

  /**
   * Reads how the sweep in this folder was started. Throws UsageError, which begins with `task`, if there is none, and
   * FileError if it is damaged.
   */
  open(task = 'Cannot resume'): StoredSweep {
    const path = this.#stored;
    if (!existsSync(path)) {
      throw new UsageError(`${task} ${this.path}: it must hold a sweep, but has no sweep.json`);
    }
    try {
      return storedShape(JSON.parse(readFileNamed(path, 'how a sweep was started').toString('utf8')), 'sweep');
    } catch (cause) {
      throw new FileError(path, `Cannot read how the sweep was started from ${path}: it must be as lopt wrote it`, {
        cause,
      });
    }
  }

  /** Throws UsageError if the sweep was begun by another version of lopt, which this one cannot continue. */
  checkVersion(): void {
    const { version } = this.open();
    if (version === VERSION) return;
    throw new UsageError(
      `Cannot resume ${this.path}: it was started by lopt ${version}, but this is ${VERSION}, whose numbers may differ`,
    );
  }
}

/** Reads a sweep's file. @param problem the default problem */
export function readPlan(file: string, problem: string): SweepPlan {
  return readSweepFile(file, readFileNamed(file, 'a sweep').toString('utf8'), sweepFlags(problem));
}
