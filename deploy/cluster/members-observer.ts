/** Observes the members that a worker serves as one run: their shards are added up. */
import type { AnnounceMessage } from '../../shared/messages.js';
import type { ComputedMeasures, WorkerObserver } from '../../worker/observer.js';

export class MembersObserver {
  readonly #observer: WorkerObserver;
  readonly #shards = new Map<number, number>();

  constructor(observer: WorkerObserver) {
    this.#observer = observer;
  }

  /** The observer of one member. */
  of(member: number): WorkerObserver {
    let run: AnnounceMessage | undefined;
    return {
      joining: (announced, fingerprint) => this.#observer.joining?.(announced, fingerprint),
      ordered: (announced, shards) => {
        run = announced;
        this.#shards.set(member, shards);
        this.#observer.ordered?.(announced, this.#total);
      },
      computed: (round: number, measures: ComputedMeasures) => this.#observer.computed?.(round, measures),
      released: () => {
        this.#shards.delete(member);
        if (this.#shards.size === 0 || !run) this.#observer.released?.();
        else this.#observer.ordered?.(run, this.#total);
      },
    };
  }

  get #total(): number {
    let sum = 0;
    for (const shards of this.#shards.values()) sum += shards;
    return sum;
  }
}
