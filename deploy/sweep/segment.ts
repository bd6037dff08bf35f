/** A segment of a trial: from its beginning, or from a fork, to the next fork or its end. Each is a run of its own. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { FileError } from '../../shared/errors.js';
import { readFileNamed, writeFileWhole } from '../../shared/files.js';
import type { Flags } from '../run/train-flags.js';

/** Which segment of which trial. */
export interface SegmentId {
  trial: number;
  /** 0 for the trial's beginning; counts its forks. */
  fork: number;
}

export interface Segment extends SegmentId {
  /** The trial's own flags, as parameters of the search space. */
  flags: Flags;
  /** Whose state it begins with, as that was after a round. */
  from?: SegmentId & { round: number };
}

/** Forks of a trial are members of the population too: they draw what neither the trial nor another fork draws. */
const FORK_MEMBERS = 1_000_000;

/** The member of the population that a segment is: a function of its place alone. */
export function memberOf({ trial, fork }: SegmentId): number {
  return trial + FORK_MEMBERS * fork;
}

/** As in `0003`, and `0003-2` after its second fork. */
export function nameOf({ trial, fork }: SegmentId): string {
  return `${String(trial).padStart(4, '0')}${fork === 0 ? '' : `-${fork}`}`;
}

/** Which fork of a trial it was that paused after a round with its state kept; 0 where none did. */
export function forkThatPaused(sweep: string, { trial, round }: { trial: number; round: number }): number {
  for (let fork = 0; ; fork++) {
    const folder = new SegmentFolder(sweep, { trial, fork });
    if (!existsSync(folder.path)) return 0;
    if (existsSync(folder.stateAt(round))) return fork;
  }
}

/** The folder of a segment in that of the sweep: that of a run, and what follows. */
export class SegmentFolder {
  readonly path: string;

  constructor(sweep: string, id: SegmentId) {
    this.path = join(sweep, 'trials', nameOf(id));
  }

  /** The state after a round, where it was kept for forks. */
  stateAt(round: number): string {
    return join(this.path, `state-${String(round).padStart(12, '0')}.bin`);
  }

  /** The rounds after which the segment has paused, with all that its folder holds of them. */
  get pauses(): number[] {
    const path = this.#pauses;
    if (!existsSync(path)) return [];
    const text = readFileNamed(path, 'the pauses of a trial').toString('utf8');
    try {
      const rounds: unknown = JSON.parse(text);
      if (Array.isArray(rounds) && rounds.every((round) => Number.isSafeInteger(round))) return rounds as number[];
    } catch {
      // said below
    }
    throw new FileError(path, `Cannot read the pauses of a trial from ${path}: it must be a list of rounds in JSON`);
  }

  /** Written last: what a pause leaves is whole. */
  paused(round: number): void {
    const rounds = [...this.pauses.filter((earlier) => earlier !== round), round];
    writeFileWhole(this.#pauses, `${JSON.stringify(rounds)}\n`);
  }

  get #pauses(): string {
    return join(this.path, 'pauses.json');
  }
}
