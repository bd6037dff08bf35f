/** The workers of a sweep. Each running trial has its own list of the same workers. */
import { type Member, sizeOf } from '../../../coordinator/roster.js';
import { workerState } from '../../operations/coordinator-metrics.js';
import type { SweepWorker } from './sweep-data.js';

/** The coordinator of a trial, which knows its workers. */
export interface Leader {
  readonly members: readonly Member[];
}

/** A worker may belong to no trial for this long, between two trials, before it counts as gone. */
const GONE_SECONDS = 5;

export class Crew {
  readonly #leaders = new Map<string, Leader>();
  readonly #known = new Map<string, { worker: SweepWorker; seen: number }>();

  /** @param leader null if the run of that name has ended */
  led(run: string, leader: Leader | null): void {
    if (leader) this.#leaders.set(run, leader);
    else this.#leaders.delete(run);
  }

  /** Forgets all workers, at the end of the sweep. */
  dismiss(): void {
    this.#leaders.clear();
    this.#known.clear();
  }

  /** The current workers, and those that joined or left since the last call. @param now in seconds */
  look(now: number): { workers: SweepWorker[]; joined: SweepWorker[]; gone: string[] } {
    const joined: SweepWorker[] = [];
    for (const worker of this.#present()) {
      if (!this.#known.has(worker.id)) joined.push(worker);
      this.#known.set(worker.id, { worker, seen: now });
    }
    const gone: string[] = [];
    for (const [id, { seen }] of this.#known) {
      // without a leader no worker would be seen
      if (this.#leaders.size === 0 || now - seen < GONE_SECONDS) continue;
      this.#known.delete(id);
      gone.push(id);
    }
    const workers = [...this.#known.values()].map(({ worker, seen }) =>
      seen === now ? worker : { ...worker, trials: 0, shards: 0, state: 'idle' as const },
    );
    return { workers: workers.sort((a, b) => (a.id < b.id ? -1 : 1)), joined, gone };
  }

  #present(): SweepWorker[] {
    const workers = new Map<string, SweepWorker>();
    for (const { members } of this.#leaders.values()) {
      for (const member of members) {
        const { id, threads, ranges } = member;
        const state = workerState(member);
        const known = workers.get(id) ?? { id, threads, trials: 0, shards: 0, state: 'idle' };
        const shards = sizeOf(ranges);
        workers.set(id, {
          id,
          threads: Math.max(known.threads, threads),
          trials: known.trials + (shards > 0 ? 1 : 0),
          shards: known.shards + shards,
          state: [known.state, state].find((each) => each === 'late') ?? (state === 'idle' ? known.state : state),
        });
      }
    }
    return [...workers.values()];
  }
}
