/** The shards of a run that stay on a thread's device between two windows. */
import { threadId } from 'node:worker_threads';
import { LoptError } from '../shared/errors.js';
import type { Estimator } from './estimators/estimator.js';

/** A shard that is not where it was left, as when its thread was replaced: it is to be replayed. */
export class ShardLostError extends LoptError {
  override readonly name = 'ShardLostError';
}

/** A shard between two windows: handed over, or by the name under which the thread that computed it finds it again. */
export type KeptShard = { readonly state: unknown } | { readonly resident: string };

/** What one thread holds. */
export class ResidentShards {
  readonly #estimator: Pick<Estimator, 'keep'>;
  readonly #held = new Map<number, { resident: string; state: unknown }>();
  #count = 0;

  constructor(estimator: Pick<Estimator, 'keep'>) {
    this.#estimator = estimator;
  }

  /** Keeps a shard that lies on a device in place of an earlier state of it; hands over one that does not. */
  put(shard: number, state: unknown): KeptShard {
    if (this.#estimator.keep(state).length === 0) return { state };
    this.drop(shard);
    // no other thread of this process has had, or will have, the number of this one
    const resident = `${threadId}.${this.#count++}`;
    this.#held.set(shard, { resident, state });
    return { resident };
  }

  /** Hands a shard out, which is then held no longer. Throws ShardLostError if this state of it is not here. */
  take(shard: number, resident: string): unknown {
    const held = this.#held.get(shard);
    if (held?.resident !== resident) throw new ShardLostError(`Shard ${shard} is not on this thread's device any more`);
    this.#held.delete(shard);
    return held.state;
  }

  drop(shard: number): void {
    const held = this.#held.get(shard);
    if (held) for (const part of this.#estimator.keep(held.state)) part.dispose();
    this.#held.delete(shard);
  }

  /** Drops all shards but these. */
  keep(shards: ReadonlySet<number>): void {
    for (const shard of this.#held.keys()) if (!shards.has(shard)) this.drop(shard);
  }
}
