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
import type { TaskReply, ThreadData } from './thread.js';

/** A thread died during a task, or its device was lost; the states of the task are lost with it. */
export class ThreadLostError extends LoptError {
  override readonly name = 'ThreadLostError';
}

/** What a worker needs of its threads. */
export type WindowPool = Pick<Pool, 'threads' | 'computeWindows' | 'evaluate' | 'fingerprint'>;

/** What a run in the same process needs in addition. */
export type RetirablePool = WindowPool & Pick<Pool, 'retire'>;

/** Replaces threads that die. The threads know the same problem families as the thread that starts them. */
export class Pool {
  #threads: number;
  #piscina: Piscina | undefined;
  #lost = 0;
  #closed = false;
  /** Ids of the threads that have computed something. */
  readonly #ready = new Set<number>();
  /** Digests of the configurations in use, whose sessions the threads keep open. */
  readonly #live = new Set<string>();

  readonly #background: boolean;
  readonly #chosen: boolean;
  #hasDevice = false;

  /**
   * @param threads at least 1; by default one a processor, or 1 for an engine that allows only one
   * @param options `background`: the threads run at the lowest priority
   */
  constructor(threads?: number, { background = false }: { background?: boolean } = {}) {
    this.#background = background;
    this.#chosen = threads !== undefined;
    this.#threads = threads ?? availableParallelism();
    // ending a thread while it starts may end the process: if the number may still change, none is started yet
    if (this.#chosen) this.#piscina = this.#start();
  }

  get threads(): number {
    return this.#threads;
  }

  /** Threads that died so far. */
  get lost(): number {
    return this.#lost;
  }

  /** Computes windows, in place on the jobs' states, which must not be used after a ThreadLostError. */
  computeWindows(task: WindowsTask): Promise<WindowsAnswer> {
    return this.#run('computeWindows', task.session, task);
  }

  /** Scores an optimizer on a chunk of problems, retrying if the thread dies. */
  evaluate(task: EvaluateTask): Promise<ChunkScores> {
    return this.#runAgain('evaluate', task.session, task);
  }

  /**
   * The fingerprint of this machine's engine for a configuration. Resizes the pool for that engine, so nothing may be
   * computing on another. Throws LoptError if more threads were requested than the engine allows.
   */
  async fingerprint(session: SessionId): Promise<string> {
    await this.#fit(session.config.engine);
    return this.#runAgain('fingerprint', session, { session });
  }

  /** Marks a configuration as no longer in use: each thread closes its session at its next task. */
  retire(digest: string): void {
    this.#live.delete(digest);
  }

  /**
   * Ends one of the threads that have computed something, as a crash would, to test recovery. Threads that are still
   * starting are left alone: Node 20 may abort the whole process if one is terminated while it links its modules.
   */
  async terminateThread(index: number): Promise<void> {
    const ready = (this.#piscina?.threads ?? []).filter(({ threadId }) => this.#ready.has(threadId));
    await ready[index % ready.length]?.terminate();
  }

  /**
   * Ends all threads; idempotent. A thread with a device finishes its task first: drivers may not survive its end in a
   * call.
   */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#hasDevice) await this.#piscina?.close({ force: true });
    await this.#piscina?.destroy();
  }

  /** Resizes the pool to as many threads as an engine allows. */
  async #fit(engine: string): Promise<void> {
    const single = ENGINES.get(engine)?.single ?? false;
    if (single && this.#chosen && this.#threads > 1) {
      throw new LoptError(
        `Cannot compute on engine "${engine}": "threads" must be 1, since only one thread of a process can use it, got ${this.#threads}`,
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
      // an idle thread that waits on an atomic is woken more slowly than one that waits for a message
      atomics: 'disabled',
      // a thread that loads a native library sets the environment that the library reads
      env: SHARE_ENV,
      workerData: { problemModules: loadedModules(), background: this.#background } satisfies ThreadData,
    });
    // a thread that dies between two tasks loses nothing; piscina starts another
    piscina.on('error', () => {
      this.#lost += 1;
    });
    return piscina;
  }

  /**
   * Piscina replaces a thread that dies, but not one that dies while it starts: from then on it replaces none, and
   * queued tasks may wait forever. Such a pool is replaced, and its tasks count as lost.
   */
  #heal(): void {
    const broken = this.#piscina;
    if (this.#closed || !broken || broken.threads.length >= this.#threads) return;
    this.#piscina = this.#start();
    // its tasks are rejected, so nobody waits for this
    void broken.destroy();
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
    let reply: TaskReply<Answer>;
    this.#heal();
    this.#live.add(digest);
    const live = [...this.#live];
    this.#piscina ??= this.#start();
    try {
      reply = (await this.#piscina.run({ ...task, live }, { name })) as TaskReply<Answer>;
    } catch (cause) {
      this.#lost += 1;
      this.#heal();
      throw new ThreadLostError(`A thread ended while it computed: ${messageOf(cause)}`, { cause });
    }
    if ('answer' in reply) {
      this.#ready.add(reply.thread);
      return reply.answer;
    }
    if (reply.kind === 'lost') {
      this.#lost += 1;
      throw new ThreadLostError(reply.failure);
    }
    throw reply.kind === 'usage' ? new UsageError(reply.failure) : new LoptError(reply.failure);
  }
}
