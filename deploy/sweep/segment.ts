/** Segments of trials: a trial starts with one, and each of its forks starts another. Each is a run of its own. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { FileError } from '../../shared/errors.js';
import { readFileNamed, writeFileWhole } from '../../shared/files.js';
import type { Flags } from '../run/train-flags.js';

/** Identifies a segment of a trial. */
export interface SegmentId {
  trial: number;
  /** 0 for the trial's first segment, then counts forks. */
  fork: number;
}

export interface Segment extends SegmentId {
  /** The trial's flags: its parameters. */
  flags: Flags;
  /** The segment and round whose state it starts from. */
  from?: SegmentId & { round: number };
}

/** Forks count as further members of the population, so that every fork has its own draws. */
const FORK_MEMBERS = 1_000_000;

/** The member that a segment is, which depends on its id alone. */
export function memberOf({ trial, fork }: SegmentId): number {
  return trial + FORK_MEMBERS * fork;
}

/** As in `0003`, or `0003-2` after the second fork. */
export function nameOf({ trial, fork }: SegmentId): string {
  return `${String(trial).padStart(4, '0')}${fork === 0 ? '' : `-${fork}`}`;
}

/** The fork of a trial that paused after a round and kept its state; 0 if none did. */
export function forkThatPaused(sweep: string, { trial, round }: { trial: number; round: number }): number {
  for (let fork = 0; ; fork++) {
    const folder = new SegmentFolder(sweep, { trial, fork });
    if (!existsSync(folder.path)) return 0;
    if (existsSync(folder.stateAt(round))) return fork;
  }
}

/** The folder of a segment: a run's folder with a few more files. */
export class SegmentFolder {
  readonly path: string;

  constructor(sweep: string, id: SegmentId) {
    this.path = join(sweep, 'trials', nameOf(id));
  }

  /** The file of the state after a round, if it was kept for forks. */
  stateAt(round: number): string {
    return join(this.path, `state-${String(round).padStart(12, '0')}.bin`);
  }

  /** The rounds after which the segment paused, with everything up to there on disk. */
  get pauses(): number[] {
    const path = this.#pauses;
    if (!existsSync(path)) return [];
    const text = readFileNamed(path, 'the pauses of a trial').toString('utf8');
    try {
      const rounds: unknown = JSON.parse(text);
      if (Array.isArray(rounds) && rounds.every((round) => Number.isSafeInteger(round))) return rounds as number[];
    } catch {
      // reported below
    }
    throw new FileError(path, `Cannot read the pauses of a trial from ${path}: it must be a list of rounds in JSON`);
  }

  /** Called last, once everything up to the pause is on disk. */
  paused(round: number): void {
    const rounds = [...this.pauses.filter((earlier) => earlier !== round), round];
    writeFileWhole(this.#pauses, `${JSON.stringify(rounds)}\n`);
  }

  get #pauses(): string {
    return join(this.path, 'pauses.json');
  }
}
