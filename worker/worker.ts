/**
 * A worker: advances the shards it was ordered to, a window at every φ, and sends their pre-added sums. What it does when is
 * decided in role/; here are the bus, the threads and the journal with which it is done.
 */
import type { Bus, Unsubscribe } from '../shared/bus/bus.js';
import type { PhiHistory } from '../shared/journal/journal.js';
import type { Logger } from '../shared/logger.js';
import type { AnnounceMessage, ToWorker } from '../shared/messages.js';
import { HeldShards } from './held-shards.js';
import type { WorkerObserver } from './observer.js';
import type { WindowPool } from './pool.js';
import { initialState, type WorkerState } from './role/state.js';
import type { Action, Work, WorkerEvent } from './role/step.js';
import { workerStep } from './role/worker-step.js';

/** Options of a worker. */
export interface WorkerOptions {
  /** Its name among the workers. */
  id: string;
  bus: Bus;
  pool: WindowPool;
  /** φ's of the past, for replays. */
  history: PhiHistory;
  logger: Logger;
  observer?: WorkerObserver;
  /** Where the problems' data lie here, by option, instead of where the coordinator has them. */
  folders?: Readonly<Record<string, string>>;
  /** Tells this start of the worker from others of its name. @default 1 */
  incarnation?: number;
  /** Told when the worker leaves for good, and why: it was refused, or what it computes failed. */
  onFailed?: (error: Error) => void;
  /** Told that the coordinator has ended the run, or its part of it. */
  onFinished?: () => void;
}

export class Worker {
  readonly #options: WorkerOptions;
  readonly #unsubscribe: Unsubscribe;
  readonly #gone: Promise<void>;
  #onGone: () => void = () => {};
  #state: WorkerState;
  #shards: HeldShards;
  /** The shards of copies, by copy. */
  readonly #copies = new Map<number, HeldShards>();

  constructor(options: WorkerOptions) {
    const { id, bus, incarnation = 1, folders = {} } = options;
    this.#options = options;
    this.#gone = new Promise((resolve) => {
      this.#onGone = resolve;
    });
    this.#state = initialState({ id, incarnation, folders });
    this.#shards = this.#holdNothing({ resident: true });
    this.#unsubscribe = bus.onWorker(id, (message) => this.#receive(message));
  }

  /** Takes an announcement that came before it listened. */
  hear(announced: AnnounceMessage): void {
    this.#receive(announced);
  }

  /** Leaves the run; idempotent. The pool stays open. */
  async close(): Promise<void> {
    this.#take({ type: 'close' });
  }

  /** Finishes the windows that it computes, sends them, and leaves. */
  async drain(): Promise<void> {
    this.#take({ type: 'drain' });
    await this.#gone;
  }

  /** Sends and does nothing from now on, as if the process were gone. */
  abandon(): void {
    this.#take({ type: 'abandon' });
  }

  #receive(message: ToWorker): void {
    this.#take(message.type === 'phi' ? { ...message, phi: sharedCopy(message.phi) } : message);
  }

  /** What fails here cannot be mended here: the worker says why and leaves. */
  #take(event: WorkerEvent): void {
    try {
      this.#act(event);
    } catch (error) {
      this.#act({ type: 'failed', error });
    }
  }

  #act(event: WorkerEvent): void {
    const { state, actions } = workerStep(this.#state, event);
    this.#state = state;
    for (const action of actions) this.#perform(action);
  }

  #perform(action: Action): void {
    const { bus, pool, history, observer, onFailed, onFinished } = this.#options;
    switch (action.type) {
      case 'hello':
        bus.toCoordinator({ ...action, threads: pool.threads });
        return;
      case 'send':
        bus.toCoordinator(action.message);
        return;
      case 'start':
        void this.#start(action.work);
        return;
      case 'keep-shards':
        this.#shards.keepOnly(action.shards);
        return;
      case 'keep-copies':
        for (const copy of this.#copies.keys()) if (!action.copies.includes(copy)) this.#copies.delete(copy);
        return;
      case 'forget-shards':
        this.#shards = this.#holdNothing({ resident: true });
        this.#copies.clear();
        return;
      case 'forget-history':
        history.forget?.();
        return;
      case 'leave':
        this.#unsubscribe();
        this.#onGone();
        return;
      case 'tell-failed':
        onFailed?.(action.error);
        return;
      case 'tell-finished':
        onFinished?.();
        return;
      case 'tell-joining':
        observer?.joining?.(action.run, action.fingerprint);
        return;
      case 'tell-ordered':
        observer?.ordered?.(action.run, action.shards);
        return;
      case 'tell-computed':
        observer?.computed?.(action.round, action.measures);
        return;
      case 'tell-released':
        observer?.released?.();
    }
  }

  async #start(work: Work): Promise<void> {
    this.#take(await this.#endOf(work).catch((error: unknown) => ({ type: 'failed', work, error }) as const));
  }

  /** Does some work; what it gives is an event. */
  async #endOf(work: Work): Promise<WorkerEvent> {
    const { pool, history } = this.#options;
    switch (work.type) {
      case 'fingerprint':
        return { type: 'fingerprinted', work, fingerprint: await pool.fingerprint(work.session) };
      case 'read':
        return { type: 'phi-read', work, phi: sharedCopy(await history.phi(work.round)) };
      case 'windows': {
        const startedAt = performance.now();
        const computed = await this.#shards.compute(work.order);
        return { type: 'windows-computed', work, computed, seconds: (performance.now() - startedAt) / 1000 };
      }
      case 'copy':
        return { type: 'copy-computed', work, computed: await this.#shardsOf(work.copy).compute(work.order) };
      case 'score':
        return { type: 'scored', work, scores: await pool.evaluate(work.task) };
    }
  }

  #shardsOf(copy: number): HeldShards {
    const shards = this.#copies.get(copy) ?? this.#holdNothing();
    this.#copies.set(copy, shards);
    return shards;
  }

  /** Room for shards, of use until the worker forgets what it computes. */
  #holdNothing({ resident = false } = {}): HeldShards {
    const { pool, history, logger } = this.#options;
    const { epoch } = this.#state;
    const isOver = () => this.#state.left || this.#state.epoch !== epoch;
    return new HeldShards({ pool, history, logger, isOver, resident });
  }
}

/** A copy that all threads see without one of their own. */
function sharedCopy(phi: Float32Array): Float32Array {
  const copy = new Float32Array(new SharedArrayBuffer(phi.byteLength));
  copy.set(phi);
  return copy;
}
