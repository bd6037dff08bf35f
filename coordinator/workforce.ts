/**
 * The run's workers, as the training loop sees them: gives them rounds and φ's to evaluate, and waits for sums and scores.
 * It owns bus, timers and clock, tells the dispatcher what happens, and does what that decides.
 */
import type { Bus, Unsubscribe } from '../shared/bus/bus.js';
import { Deferred } from '../shared/deferred.js';
import type { Logger } from '../shared/logger.js';
import { SparingLogger } from '../shared/sparing-logger.js';
import type { TreeNode } from '../shared/sum-tree.js';
import type { Action } from './actions.js';
import type { Dispatcher } from './dispatcher.js';
import type { Scores } from './evaluation.js';
import type { LearnerState } from './learner.js';
import type { RunObserver } from './observer.js';
import type { EvaluatedPhi } from './open-evaluation.js';
import type { Member } from './roster.js';

export interface WorkforceOptions {
  dispatcher: Dispatcher;
  bus: Bus;
  logger: Logger;
  observer?: RunObserver | undefined;
  /** No sum is waited for that nobody computes once this is aborted. */
  signal?: AbortSignal | undefined;
}

/** A round's sum. */
export interface RoundSum {
  root: TreeNode;
  /** Windows that were computed again for it. */
  replayed: number;
  /** From φ's broadcast on. */
  seconds: number;
}

const ANNOUNCE_MS = 1000;
const WAITING_MS = 10_000;
const TICK_MS = 250;

export class Workforce {
  readonly #options: WorkforceOptions;
  readonly #strangers: SparingLogger;
  readonly #failed = new Deferred<never>();
  readonly #abandoned = new Deferred<undefined>();
  readonly #scores = new Map<number, Deferred<Scores>>();
  readonly #ends: readonly Unsubscribe[];
  #sum: Deferred<RoundSum | undefined> | undefined;
  #startedAt = 0;

  /** Announces the run, and takes in what comes until `close`. */
  constructor(options: WorkforceOptions) {
    const { bus, dispatcher, logger, observer, signal } = options;
    this.#options = options;
    this.#strangers = new SparingLogger(logger);
    this.#ends = [
      bus.onCoordinator(
        (message, from) => this.#do(dispatcher.receive(message, now(), from)),
        (address) => dispatcher.isMember(address),
      ),
      bus.onUnreachable((worker) => this.#do(dispatcher.lose(worker, now()))),
      bus.onReconnect(() => this.#do(dispatcher.reconnected())),
      every(ANNOUNCE_MS, () => this.#do(dispatcher.announce())),
      every(TICK_MS, () => this.#do(dispatcher.tick(now()))),
      every(WAITING_MS, () => {
        if (this.members.length === 0) observer?.waiting?.();
      }),
      onAbort(signal, () => this.#do(dispatcher.stop())),
    ];
    this.#do(dispatcher.announce());
  }

  /** Who works on the run now. */
  get members(): readonly Member[] {
    return this.#options.dispatcher.members;
  }

  /** Of the engine of the run; null before its first result. */
  get fingerprint(): string | null {
    return this.#options.dispatcher.fingerprint;
  }

  /** Nodes that two workers computed, and that were found equal since this was last asked. */
  takeCompared(): number {
    return this.#options.dispatcher.takeCompared();
  }

  /** Has the round after a state computed. Gives its sum, or undefined if the run ends without it. */
  sumAfter(state: LearnerState): Promise<RoundSum | undefined> {
    this.#sum = new Deferred();
    this.#startedAt = now();
    this.#do(this.#options.dispatcher.open(state, this.#startedAt));
    return this.#sum.promise;
  }

  /** No round follows the last one. */
  rest(): void {
    this.#options.dispatcher.rest();
  }

  /** Has a φ evaluated, once however often it is asked for. Gives its scores; what was asked for before it is given up. */
  scoresOf(phi: EvaluatedPhi): Promise<Scores> {
    const known = this.#scores.get(phi.round);
    if (known) return known.promise;
    for (const old of this.#scores.keys()) if (old < phi.round) this.#scores.delete(old);
    const scores = new Deferred<Scores>();
    this.#scores.set(phi.round, scores);
    this.#do(this.#options.dispatcher.evaluate(phi, now()));
    return scores.promise;
  }

  /** The result of the work, or undefined if the run ends without it. */
  orAbandoned<Result>(work: Promise<Result>): Promise<Result | undefined> {
    return Promise.race([work, this.#abandoned.promise]);
  }

  /** The result of the work; rejects if the run cannot go on, or an observer fails. */
  orFail<Result>(work: Promise<Result>): Promise<Result> {
    return Promise.race([work, this.#failed.promise]);
  }

  /** Takes in nothing any more; idempotent. */
  close(): void {
    for (const end of this.#ends) end();
  }

  #do(actions: readonly Action[]): void {
    try {
      for (const action of actions) this.#act(action);
    } catch (error) {
      this.#failed.reject(error as Error);
    }
  }

  #act(action: Action): void {
    const { bus, logger, observer } = this.#options;
    switch (action.type) {
      case 'send':
        bus.toWorker(action.worker, action.message);
        return;
      case 'broadcast':
        bus.toAllWorkers(action.message);
        return;
      case 'say':
        (action.sparingly ? this.#strangers : logger)[action.level](action.sentence, action.about);
        return;
      case 'tell-reassigned':
        observer?.reassigned?.(action.worker, action.why);
        return;
      case 'tell-banned':
        observer?.banned?.(action.worker, action.round, action.node);
        return;
      case 'scored':
        observer?.evaluated?.(action.round, action.scores, action.phi, action.horizon);
        this.#scores.get(action.round)?.resolve(action.scores);
        return;
      case 'summed':
        this.#sum?.resolve({ root: action.root, replayed: action.replayed, seconds: now() - this.#startedAt });
        return;
      case 'abandoned':
        this.#sum?.resolve(undefined);
        this.#abandoned.resolve(undefined);
        return;
      case 'fail':
        throw action.error;
    }
  }
}

/** Seconds of a clock that only goes forward. */
function now(): number {
  return performance.now() / 1000;
}

function every(milliseconds: number, work: () => void): Unsubscribe {
  const timer = setInterval(work, milliseconds);
  return () => clearInterval(timer);
}

function onAbort(signal: AbortSignal | undefined, work: () => void): Unsubscribe {
  signal?.addEventListener('abort', work);
  return () => signal?.removeEventListener('abort', work);
}
