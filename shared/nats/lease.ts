/**
 * Who coordinates a run: one process holds the lease, others stand by. It only tells whether the holder is alive: a
 * holder that was paused may go on for a moment beside its successor, and the journal's conditional append keeps them
 * apart.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { ClusterError } from '../errors.js';
import { integer, nullable, object, sentence, text } from '../shape.js';
import type { KeyValues } from './key-values.js';

/** How a lease is acquired. */
export interface LeaseOptions {
  values: KeyValues;
  run: string;
  /** The name of this process: a holder of the same name is taken to be this one, restarted, and is not waited for. */
  holder: string;
  /** Seconds of silence after which a holder is taken for dead. @default 5 */
  seconds?: number;
  /** Ends the waiting. */
  signal?: AbortSignal;
  /** Called with the holder when the waiting begins and when the holder changes. */
  onWaiting?: (holder: string) => void;
}

interface Held {
  /** null if it was released. */
  holder: string | null;
  /** Random, new for every acquisition. */
  token: string;
  /** Renewals: each changes the value, so that a silent holder is noticed whatever the clocks say. */
  renewals: number;
}

const held = object<Held>({ holder: nullable(sentence(128)), token: text(64), renewals: integer() });

/** Milliseconds between two renewals, and between two looks of a waiting process. */
function intervalOf(seconds: number): number {
  return Math.min(1000, (1000 * seconds) / 5);
}

export class Lease {
  readonly #values: KeyValues;
  readonly #key: string;
  readonly #holder: string;
  readonly #token: string;
  readonly #lost = new AbortController();
  readonly #released = new AbortController();
  readonly #renewing: Promise<void>;
  #revision: number;

  private constructor({ values, run, holder, seconds = 5 }: LeaseOptions, token: string, revision: number) {
    this.#values = values;
    this.#key = `${run}.lease`;
    this.#holder = holder;
    this.#token = token;
    this.#revision = revision;
    this.#renewing = this.#renew(intervalOf(seconds));
  }

  /** Acquires the lease once it is free or its holder is silent. Throws the signal's reason if that comes first. */
  static async acquire(options: LeaseOptions): Promise<Lease> {
    const { values, run, holder, seconds = 5, signal, onWaiting } = options;
    const key = `${run}.lease`;
    const token = randomUUID();
    let seen: { revision: number; since: number } | undefined;
    let told: string | undefined;
    for (;;) {
      signal?.throwIfAborted();
      if (values.jetStream.link.closed) throw values.jetStream.link.closedError(`Cannot wait for run ${run}`);
      const found = await values.get(key, held);
      // while the server is away, the holder cannot renew either: the silence counts from the server's return
      if (found === 'silent') seen = undefined;
      else {
        const now = performance.now();
        if (seen?.revision !== found?.revision) seen = { revision: found?.revision ?? 0, since: now };
        const dead = seen !== undefined && now - seen.since >= 1000 * seconds;
        if (!found || found.value.holder === null || found.value.holder === holder || dead) {
          const mine: Held = { holder, token, renewals: 0 };
          const written = await values.set(key, mine, found?.revision ?? 0);
          if (typeof written === 'object') return new Lease(options, token, written.revision);
        } else if (told !== found.value.holder) {
          told = found.value.holder;
          onWaiting?.(told);
        }
      }
      await pause(intervalOf(seconds), undefined, signal ? { signal } : {}).catch(() => {}); // cut short
    }
  }

  /** Aborted, with a ClusterError as its reason, when another process holds the lease: this one must stop. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Lets another process have it at once; idempotent. */
  async release(): Promise<void> {
    if (this.#released.signal.aborted) return;
    this.#released.abort();
    await this.#renewing;
    if (this.#lost.signal.aborted) return;
    // if the server is away, the silence does the same
    await this.#values.set(this.#key, { holder: null, token: this.#token, renewals: 0 } satisfies Held, this.#revision);
  }

  async #renew(everyMs: number): Promise<void> {
    const { signal } = this.#released;
    for (let renewals = 1; ; renewals++) {
      await pause(everyMs, undefined, { signal }).catch(() => {}); // cut short
      if (signal.aborted || this.#values.jetStream.link.closed) return;
      const mine: Held = { holder: this.#holder, token: this.#token, renewals };
      const written = await this.#values.set(this.#key, mine, this.#revision);
      if (typeof written === 'object') this.#revision = written.revision;
      else if (written === 'refused' && !(await this.#isMine())) return;
    }
  }

  /** Whether the lease is still ours: a renewal may succeed unnoticed. If another process holds it, aborts `lost`. */
  async #isMine(): Promise<boolean> {
    const found = await this.#values.get(this.#key, held);
    if (found === 'silent') return true;
    if (found?.value.token === this.#token) {
      this.#revision = found.revision;
      return true;
    }
    const who = found?.value.holder ?? 'nobody';
    this.#lost.abort(new ClusterError(`Cannot go on coordinating: ${who} holds the lease of the run now`));
    return false;
  }
}
