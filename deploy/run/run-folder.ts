/** The folder of a run and the names of its files. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ScoredPhi } from '../../coordinator/learner.js';
import type { Goal } from '../../coordinator/pacer.js';
import { Aside } from '../../shared/aside.js';
import { digestOf, type RunConfig } from '../../shared/config.js';
import { FileError, UsageError } from '../../shared/errors.js';
import { makeFolder, readFileNamed, writeFileWhole } from '../../shared/files.js';
import { type PhiFile, readPhi } from '../../shared/phi-file.js';
import { encodePhi } from '../../shared/phi-format.js';
import { type RunRecord, readRecord, writeRecord } from './run-record.js';
import type { Flags } from './train-flags.js';

/** config.json: how a run was started. */
export interface StoredRun {
  config: RunConfig;
  digest: string;
  goal: Goal;
  /** The flags given by the user that configure the run. */
  flags: Flags;
  /** A round to go back to on the next resume. */
  fromRound?: number | undefined;
}

export class RunFolder {
  readonly path: string;
  /** What a resumed run cuts or replaces. */
  readonly previous: Aside;

  constructor(path: string) {
    this.path = path;
    this.previous = new Aside(join(path, 'previous'));
  }

  get best(): string {
    return join(this.path, 'phi.safetensors');
  }

  get last(): string {
    return join(this.path, 'last.safetensors');
  }

  get metrics(): string {
    return join(this.path, 'metrics.jsonl');
  }

  get checkpoints(): string {
    return join(this.path, 'checkpoints');
  }

  get journal(): string {
    return join(this.path, 'journal');
  }

  /** The comparison of the run's φ with hand-designed optimizers. */
  get evaluation(): string {
    return join(this.path, 'evaluation.json');
  }

  get report(): string {
    return join(this.path, 'report.html');
  }

  get #record(): string {
    return join(this.path, 'run.json');
  }

  get #config(): string {
    return join(this.path, 'config.json');
  }

  get #init(): string {
    return join(this.path, 'init.safetensors');
  }

  /** Whether it holds a run. */
  get begun(): boolean {
    return existsSync(this.#config);
  }

  /** Creates the folder of a new run. Throws UsageError if it is not empty. */
  create(run: StoredRun, init: PhiFile | undefined): void {
    makeFolder(this.path);
    if (readdirSync(this.path).length > 0) {
      const what = existsSync(this.#config)
        ? 'it holds a run already; add --resume to continue it, or'
        : 'it must be empty;';
      throw new UsageError(`Cannot train into ${this.path}: ${what} name another folder with --out`);
    }
    if (init) writeFileWhole(this.#init, encodePhi(init.architecture, init.phi));
    this.store(run);
  }

  /** Writes how the run was started or resumed; keeps another one that was there before aside. */
  store(run: StoredRun): void {
    const text = `${JSON.stringify(run, null, 2)}\n`;
    if (this.begun && readFileNamed(this.#config, 'the configuration').toString('utf8') === text) return;
    this.previous.copy(this.#config);
    writeFileWhole(this.#config, text);
  }

  /** Reads how the run was started; throws, beginning with `task`, if there is no run or its file is damaged. */
  open(task = 'Cannot resume'): StoredRun {
    if (!existsSync(this.#config)) {
      throw new UsageError(`${task} ${this.path}: it must hold a run, but has no config.json`);
    }
    const path = this.#config;
    let stored: StoredRun;
    try {
      stored = JSON.parse(readFileNamed(path, 'the configuration').toString('utf8')) as StoredRun;
    } catch (cause) {
      throw new FileError(path, `Cannot read the configuration from ${path}: it must be JSON`, { cause });
    }
    if (!stored?.config || !stored.goal || digestOf(stored.config) !== stored.digest) {
      throw new FileError(
        path,
        `Cannot read the configuration from ${path}: its digest must match its content, but the file was changed`,
      );
    }
    return stored;
  }

  /** Where the run's journal is and how far the run got; undefined before it begins. Throws FileError if it is damaged. */
  get record(): RunRecord | undefined {
    return readRecord(this.#record);
  }

  storeRecord(record: RunRecord): void {
    writeRecord(this.#record, record);
  }

  /** The φ that the run was started from with --init. */
  get init(): PhiFile | undefined {
    return existsSync(this.#init) ? readPhi(this.#init) : undefined;
  }

  /** Writes the φ's of a round, each file atomically; keeps those that were there before aside. */
  writePhis(config: RunConfig, best: Pick<ScoredPhi, 'phi'>, last: Float32Array): void {
    for (const path of [this.best, this.last]) this.previous.copy(path);
    writeFileWhole(this.best, encodePhi(config.architecture, best.phi));
    writeFileWhole(this.last, encodePhi(config.architecture, last));
  }
}
