/** The shards of a run that stay on a thread's device between two windows. */
import { threadId } from 'node:worker_threads';
import { LoptError } from '../shared/errors.js';
import type { ShardState } from './engines/engine.js';

/** A shard that is not where it was left, as where its thread was replaced: it is to be replayed. */
export class ShardLostError extends LoptError {
  override readonly name = 'ShardLostError';
}

/** Stands for a shard on a device: the name under which the thread that computed it finds it again. */
export interface ResidentShard {
  resident: string;
}

/** What one thread holds. */
export class ResidentShards {
  readonly #held = new Map<number, { resident: string; state: ShardState }>();
  #count = 0;

  /** Keeps a shard in place of an earlier state of it. */
  put(shard: number, state: ShardState): ResidentShard {
    this.drop(shard);
    // no other thread of this process has had, or will have, the number of this one
    const resident = `${threadId}.${this.#count++}`;
    this.#held.set(shard, { resident, state });
    return { resident };
  }

  /** Hands a shard out, which is then held no longer. Throws ShardLostError where this state of it is not here. */
  take(shard: number, { resident }: ResidentShard): ShardState {
    const held = this.#held.get(shard);
    if (held?.resident !== resident) throw new ShardLostError(`Shard ${shard} is not on this thread's device any more`);
    this.#held.delete(shard);
    return held.state;
  }

  drop(shard: number): void {
    this.#held.get(shard)?.state.device?.dispose();
    this.#held.delete(shard);
  }

  /** Drops all shards but these. */
  keep(shards: ReadonlySet<number>): void {
    for (const shard of this.#held.keys()) if (!shards.has(shard)) this.drop(shard);
  }
}
