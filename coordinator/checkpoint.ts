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

/** The checkpoints of one run's member, in a folder, an object store, or both. */
export class Checkpoints {
  readonly #stores: readonly BlobStore[];

  /** @param stores each holds every checkpoint */
  constructor(...stores: readonly BlobStore[]) {
    this.#stores = stores;
  }

  /** Writes a checkpoint and drops all but the last two. */
  async write(checkpoint: Checkpoint): Promise<void> {
    const round = String(checkpoint.learner.round).padStart(12, '0');
    const frame = encodeFrame(checkpoint);
    for (const store of this.#stores) {
      await store.write(`checkpoint-${round}-${checkpoint.term}.bin`, frame);
      for (const name of (await namesIn(store)).slice(KEPT)) await store.remove(name);
    }
  }

  /**
   * The readable checkpoints of this configuration, newest first, from whichever store has them, and a sentence for each
   * that is damaged.
   */
  async read(digest: string): Promise<{ checkpoints: Checkpoint[]; damaged: string[] }> {
    const found = new Map<string, Checkpoint>();
    const damaged: string[] = [];
    for (const store of this.#stores) {
      for (const name of await namesIn(store)) {
        if (found.has(name)) continue;
        const place = store.placeOf(name);
        const checkpoint = decodeFrame(await store.read(name))?.value as Checkpoint | undefined;
        if (!checkpoint) damaged.push(`Cannot read the checkpoint ${place}: it is damaged`);
        else if (checkpoint.digest !== digest)
          damaged.push(`Cannot use the checkpoint ${place}: it is of another configuration`);
        else found.set(name, checkpoint);
      }
    }
    const checkpoints = newestFirst([...found.keys()]).map((name) => found.get(name)!);
    return { checkpoints, damaged };
  }

  /** Drops the checkpoints beyond a round: the journal that they would go on from is lost. */
  async dropAbove(round: number): Promise<void> {
    for (const store of this.#stores) {
      for (const name of await namesIn(store)) {
        if (Number(NAME.exec(name)![1]) > round) await store.remove(name);
      }
    }
  }
}

/** The names of the checkpoints in a store, newest first. */
async function namesIn(store: BlobStore): Promise<string[]> {
  return newestFirst((await store.names()).filter((name) => NAME.test(name)));
}

function newestFirst(names: readonly string[]): string[] {
  return [...names].sort(byRoundAndTerm).reverse();
}

function byRoundAndTerm(a: string, b: string): number {
  const [, roundA, termA] = NAME.exec(a)!;
  const [, roundB, termB] = NAME.exec(b)!;
  return Number(roundA) - Number(roundB) || Number(termA) - Number(termB);
}
