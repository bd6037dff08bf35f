/** The shards of a run that stay on a thread's device between two windows. */
import { threadId } from 'node:worker_threads';
import { LoptError } from '../shared/errors.js';
import type { Estimator } from './estimators/estimator.js';

/** A shard is not where it was left, for example because its thread was replaced: it must be replayed. */
export class ShardLostError extends LoptError {
  override readonly name = 'ShardLostError';
}

/** A shard between two windows: its state, or the name under which the thread that computed it keeps it. */
export type KeptShard = { readonly state: unknown } | { readonly resident: string };

/** The shards that one thread keeps. */
export class ResidentShards {
  readonly #estimator: Pick<Estimator, 'keep'>;
  readonly #held = new Map<number, { resident: string; state: unknown }>();
  #count = 0;

  constructor(estimator: Pick<Estimator, 'keep'>) {
    this.#estimator = estimator;
  }

  /** Keeps a shard that is on a device, replacing its earlier state; hands over one that is not. */
  put(shard: number, state: unknown): KeptShard {
    if (this.#estimator.keep(state).length === 0) return { state };
    this.drop(shard);
    // a process never reuses the id of a thread
    const resident = `${threadId}.${this.#count++}`;
    this.#held.set(shard, { resident, state });
    return { resident };
  }

  /** Returns a shard's state and stops keeping it. Throws ShardLostError if that state is not here. */
  take(shard: number, resident: string): unknown {
    const held = this.#held.get(shard);
    if (held?.resident !== resident) throw new ShardLostError(`Shard ${shard} is no longer on this thread's device`);
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
