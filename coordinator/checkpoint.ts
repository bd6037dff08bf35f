/** Checkpoints: the learner's state in blobs that are never overwritten, named by round and term. */
import type { BlobStore } from '../shared/blobs/blob-store.js';
import { decodeFrame, encodeFrame } from '../shared/codec.js';
import type { LearnerState } from './learner.js';

/** What a checkpoint holds. */
export interface Checkpoint {
  digest: string;
  term: number;
  learner: LearnerState;
}

const NAME = /^checkpoint-(\d{12})-(\d+)\.bin$/;
const KEPT = 2;

/** The checkpoints of one run's member, in a folder or an object store. */
export class Checkpoints {
  readonly #blobs: BlobStore;

  constructor(blobs: BlobStore) {
    this.#blobs = blobs;
  }

  /** Writes a checkpoint and drops all but the last two. */
  async write(checkpoint: Checkpoint): Promise<void> {
    const round = String(checkpoint.learner.round).padStart(12, '0');
    await this.#blobs.write(`checkpoint-${round}-${checkpoint.term}.bin`, encodeFrame(checkpoint));
    for (const name of (await this.#names()).slice(KEPT)) await this.#blobs.remove(name);
  }

  /** The readable checkpoints of this configuration, newest first, and a sentence for each that is damaged. */
  async read(digest: string): Promise<{ checkpoints: Checkpoint[]; damaged: string[] }> {
    const checkpoints: Checkpoint[] = [];
    const damaged: string[] = [];
    for (const name of await this.#names()) {
      const place = this.#blobs.placeOf(name);
      const checkpoint = decodeFrame(await this.#blobs.read(name))?.value as Checkpoint | undefined;
      if (!checkpoint) damaged.push(`Cannot read the checkpoint ${place}: it is damaged`);
      else if (checkpoint.digest !== digest)
        damaged.push(`Cannot use the checkpoint ${place}: it is of another configuration`);
      else checkpoints.push(checkpoint);
    }
    return { checkpoints, damaged };
  }

  /** Drops the checkpoints beyond a round: the journal that they would go on from is lost. */
  async dropAbove(round: number): Promise<void> {
    for (const name of await this.#names()) {
      if (Number(NAME.exec(name)![1]) > round) await this.#blobs.remove(name);
    }
  }

  /** Newest first. */
  async #names(): Promise<string[]> {
    const names = await this.#blobs.names();
    return names
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
