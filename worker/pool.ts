/** The threads of one worker. */
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { SHARE_ENV } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { LoptError, messageOf, UsageError } from '../shared/errors.js';
import type { ChunkScores } from '../shared/messages.js';
import { ENGINES } from './engines/select.js';
import { loadedModules } from './problems/modules.js';
import type { SessionId } from './session.js';
import type { EvaluateTask, WindowsAnswer, WindowsTask } from './tasks.js';
import type { Outcome, ThreadData } from './thread.js';

/** A thread ended under a task, or the device that it computed on; what the task held is lost. */
export class ThreadLostError extends LoptError {
  override readonly name = 'ThreadLostError';
}

/** What a worker needs of its threads. */
export type WindowPool = Pick<Pool, 'threads' | 'computeWindows' | 'evaluate' | 'fingerprint'>;

/** What a run in the same process needs of them besides. */
export type RetirablePool = WindowPool & Pick<Pool, 'retire'>;

/** A thread that dies is replaced. They know the problem families that the thread which starts them does. */
export class Pool {
  #threads: number;
  #piscina: Piscina | undefined;
  #lost = 0;
  #closed = false;
  /** The threads that have computed something, by their ids. */
  readonly #ready = new Set<number>();
  /** The configurations that are worked on, by their digests: the threads keep what they made for these. */
  readonly #live = new Set<string>();

  readonly #background: boolean;
  readonly #chosen: boolean;
  #hasDevice = false;

  /**
   * @param threads at least 1; by default one a processor, or a single one for an engine that takes no more
   * @param options `background`: the threads give way to all others of this machine
   */
  constructor(threads?: number, { background = false }: { background?: boolean } = {}) {
    this.#background = background;
    this.#chosen = threads !== undefined;
    this.#threads = threads ?? availableParallelism();
    // a thread that is ended while it starts may take the process along: where the number may change, none is started yet
    if (this.#chosen) this.#piscina = this.#start();
  }

  get threads(): number {
    return this.#threads;
  }

  /** Threads that died so far. */
  get lost(): number {
    return this.#lost;
  }

  /** Computes windows, in place on the jobs' states; after a ThreadLostError those are not to be used. */
  computeWindows(task: WindowsTask): Promise<WindowsAnswer> {
    return this.#run('computeWindows', task.session, task);
  }

  /** Measures an optimizer on a chunk of functions, again where the thread dies under it. */
  evaluate(task: EvaluateTask): Promise<ChunkScores> {
    return this.#runAgain('evaluate', task.session, task);
  }

  /**
   * The fingerprint of this machine's engine for a configuration, for which the pool is made ready: nothing of another
   * engine is being computed. Throws LoptError where more threads were asked for than the engine takes.
   */
  async fingerprint(session: SessionId): Promise<string> {
    await this.#fit(session.config.engine);
    return this.#runAgain('fingerprint', session, { session });
  }

  /** A configuration is not worked on any more: the threads drop what they keep of it, each at its next task. */
  retire(digest: string): void {
    this.#live.delete(digest);
  }

  /**
   * Ends one of the threads that have computed something, as a crash would, for tests of recovery. One that is still
   * starting is left alone: Node 20 may abort the whole process where it is terminated while it links its modules.
   */
  async terminateThread(index: number): Promise<void> {
    const ready = (this.#piscina?.threads ?? []).filter(({ threadId }) => this.#ready.has(threadId));
    await ready[index % ready.length]?.terminate();
  }

  /** Ends all threads; idempotent. One that has a device finishes its task first: drivers may not bear its end within a call. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#hasDevice) await this.#piscina?.close({ force: true });
    await this.#piscina?.destroy();
  }

  /** Has so many threads as an engine takes. */
  async #fit(engine: string): Promise<void> {
    const single = ENGINES.get(engine)?.single ?? false;
    if (single && this.#chosen && this.#threads > 1) {
      throw new LoptError(
        `Cannot compute on engine "${engine}": "threads" must be 1, since one thread of a process has it, got ${this.#threads}`,
      );
    }
    this.#hasDevice = single;
    const threads = single ? 1 : availableParallelism();
    if (this.#chosen || this.#threads === threads) return;
    this.#threads = threads;
    const old = this.#piscina;
    this.#piscina = undefined;
    await old?.destroy();
  }

  #start(): Piscina {
    const piscina = new Piscina({
      filename: fileURLToPath(new URL('./thread.js', import.meta.url)),
      minThreads: this.#threads,
      maxThreads: this.#threads,
      // what a native library reads of its environment, the thread that loads it sets
      env: SHARE_ENV,
      workerData: { problemModules: loadedModules(), background: this.#background } satisfies ThreadData,
    });
    // a thread that dies between two tasks holds nothing; piscina starts another
    piscina.on('error', () => {
      this.#lost += 1;
    });
    return piscina;
  }

  /**
   * Piscina replaces a thread that dies, but not one that dies while it starts: from then on it replaces none, and what it
   * has queued may wait for ever. Such a pool is given up whole, and what it was doing counts as lost.
   */
  #heal(): void {
    const ill = this.#piscina;
    if (this.#closed || !ill || ill.threads.length >= this.#threads) return;
    this.#piscina = this.#start();
    // what it still computes is rejected, and does not need the answer
    void ill.destroy();
  }

  async #runAgain<Answer>(name: string, session: SessionId, task: object): Promise<Answer> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#run<Answer>(name, session, task);
      } catch (error) {
        if (!(error instanceof ThreadLostError) || tries === 5) throw error;
      }
    }
  }

  async #run<Answer>(name: string, { digest }: SessionId, task: object): Promise<Answer> {
    let outcome: Outcome<Answer>;
    this.#heal();
    this.#live.add(digest);
    const live = [...this.#live];
    this.#piscina ??= this.#start();
    try {
      outcome = (await this.#piscina.run({ ...task, live }, { name })) as Outcome<Answer>;
    } catch (cause) {
      this.#lost += 1;
      this.#heal();
      throw new ThreadLostError(`A thread ended while it computed: ${messageOf(cause)}`, { cause });
    }
    if ('answer' in outcome) {
      this.#ready.add(outcome.thread);
      return outcome.answer;
    }
    if (outcome.kind === 'lost') {
      this.#lost += 1;
      throw new ThreadLostError(outcome.failure);
    }
    throw outcome.kind === 'usage' ? new UsageError(outcome.failure) : new LoptError(outcome.failure);
  }
}
