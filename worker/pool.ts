/** The threads of one worker. */
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import { LoptError, messageOf, UsageError } from '../shared/errors.js';
import type { ChunkScores } from '../shared/messages.js';
import type { SessionId } from './session.js';
import type { EvaluateTask, Outcome, WindowsAnswer, WindowsTask } from './thread.js';

/** A thread ended under a task; what the task held is lost. */
export class ThreadLostError extends LoptError {
  override readonly name = 'ThreadLostError';
}

/** Fixed in number; a thread that dies is replaced. */
export class Pool {
  readonly threads: number;
  #piscina: Piscina;
  #lost = 0;
  #closed = false;
  /** Settles when the threads of the piscinas before this one are gone. */
  #retired: Promise<unknown> = Promise.resolve();

  /** @param threads at least 1 */
  constructor(threads: number) {
    this.threads = threads;
    this.#piscina = this.#start();
  }

  /** Threads that died so far. */
  get lost(): number {
    return this.#lost;
  }

  /** Computes windows, in place on the jobs' states; after a ThreadLostError those are not to be used. */
  computeWindows(task: WindowsTask): Promise<WindowsAnswer> {
    return this.#run('computeWindows', task);
  }

  /** Measures an optimizer on a chunk of functions, again where the thread dies under it. */
  evaluate(task: EvaluateTask): Promise<ChunkScores> {
    return this.#runAgain('evaluate', task);
  }

  /** The fingerprint of this machine's engine for a configuration. */
  fingerprint(session: SessionId): Promise<string> {
    return this.#runAgain('fingerprint', session);
  }

  /** Ends one thread as a crash would, for tests of recovery. */
  async terminateThread(index: number): Promise<void> {
    const { threads } = this.#piscina;
    await threads[index % threads.length]?.terminate();
  }

  /** Ends all threads; idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([this.#retired, this.#piscina.destroy()]);
  }

  #start(): Piscina {
    const piscina = new Piscina({
      filename: fileURLToPath(new URL('./thread.js', import.meta.url)),
      minThreads: this.threads,
      maxThreads: this.threads,
    });
    // a thread that dies between two tasks holds nothing; piscina starts another
    piscina.on('error', () => {
      this.#lost += 1;
    });
    piscina.on('workerDestroy', () => queueMicrotask(() => this.#replaceShort(piscina)));
    return piscina;
  }

  /** Piscina starts no thread any more once one has died while it was starting: then another takes its place. */
  #replaceShort(piscina: Piscina): void {
    if (this.#closed || piscina !== this.#piscina || piscina.threads.length === this.threads) return;
    this.#piscina = this.#start();
    // ends the tasks that it holds, as lost ones
    this.#retired = Promise.all([this.#retired, piscina.destroy()]);
  }

  async #runAgain<Answer>(name: string, task: unknown): Promise<Answer> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#run<Answer>(name, task);
      } catch (error) {
        if (!(error instanceof ThreadLostError) || tries === 5) throw error;
      }
    }
  }

  async #run<Answer>(name: string, task: unknown): Promise<Answer> {
    let outcome: Outcome<Answer>;
    try {
      outcome = (await this.#piscina.run(task, { name })) as Outcome<Answer>;
    } catch (cause) {
      this.#lost += 1;
      throw new ThreadLostError(`A thread ended while it computed: ${messageOf(cause)}`, { cause });
    }
    if ('answer' in outcome) return outcome.answer;
    throw outcome.usage ? new UsageError(outcome.failure) : new LoptError(outcome.failure);
  }
}
