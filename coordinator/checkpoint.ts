/** Checkpoints: the learner's state in files that are never overwritten, named by round and term. */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { decodeFrame, encodeFrame } from '../shared/codec.js';
import { makeFolder, readFileNamed, writeFileWhole } from '../shared/files.js';
import type { LearnerState } from './learner.js';

/** What a checkpoint file holds. */
export interface Checkpoint {
  digest: string;
  term: number;
  learner: LearnerState;
}

const NAME = /^checkpoint-(\d{12})-(\d+)\.bin$/;
const KEPT = 2;

/** The checkpoints of one run's folder. */
export class CheckpointFolder {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    makeFolder(folder);
  }

  /** Writes a checkpoint and drops all but the last two. */
  write(checkpoint: Checkpoint): void {
    const round = String(checkpoint.learner.round).padStart(12, '0');
    writeFileWhole(join(this.#folder, `checkpoint-${round}-${checkpoint.term}.bin`), encodeFrame(checkpoint));
    for (const name of this.#names().slice(KEPT)) rmSync(join(this.#folder, name), { force: true });
  }

  /** The readable checkpoints of this configuration, newest first, and a sentence for each that is damaged. */
  read(digest: string): { checkpoints: Checkpoint[]; damaged: string[] } {
    const checkpoints: Checkpoint[] = [];
    const damaged: string[] = [];
    for (const name of this.#names()) {
      const path = join(this.#folder, name);
      const checkpoint = decodeFrame(readFileNamed(path, 'a checkpoint'))?.value as Checkpoint | undefined;
      if (!checkpoint) damaged.push(`Cannot read the checkpoint ${path}: it is damaged`);
      else if (checkpoint.digest !== digest)
        damaged.push(`Cannot use the checkpoint ${path}: it is of another configuration`);
      else checkpoints.push(checkpoint);
    }
    return { checkpoints, damaged };
  }

  /** Drops the checkpoints beyond a round: the journal that they would go on from is lost. */
  dropAbove(round: number): void {
    for (const name of this.#names()) {
      if (Number(NAME.exec(name)![1]) > round) rmSync(join(this.#folder, name), { force: true });
    }
  }

  /** Newest first. */
  #names(): string[] {
    return readdirSync(this.#folder)
      .filter((name) => NAME.test(name))
      .sort(byRoundAndTerm)
      .reverse();
  }
}

function byRoundAndTerm(a: string, b: string): number {
  const [, roundA, termA] = NAME.exec(a)!;
  const [, roundB, termB] = NAME.exec(b)!;
  return Number(roundA) - Number(roundB) || Number(termA) - Number(termB);
}
