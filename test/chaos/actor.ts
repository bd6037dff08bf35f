/** A process of a chaos run: one that may be killed, stopped and started again. */
import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

/** How a process ended. */
export interface End {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface ActorOptions {
  name: string;
  /** What is run, with its first arguments. @default Node */
  program?: readonly string[];
  /** The arguments of its n-th start, counted from 0. */
  args: (start: number) => readonly string[];
  env?: (start: number) => NodeJS.ProcessEnv;
  /** File that takes all that it prints, over all its starts. */
  log: string;
  /** Told of every end. */
  onEnd?: (end: End) => void;
}

export class Actor {
  readonly name: string;
  readonly #options: ActorOptions;
  #child: ChildProcess | undefined;
  #starts = 0;
  #closed = false;
  #ended: Promise<End> = Promise.resolve({ code: null, signal: null });

  constructor(options: ActorOptions) {
    this.name = options.name;
    this.#options = options;
    this.start();
  }

  /** How often it was started. */
  get starts(): number {
    return this.#starts;
  }

  get alive(): boolean {
    return this.#child !== undefined;
  }

  /** What it has printed, over all its starts. */
  get output(): string {
    return readFileSync(this.#options.log, 'utf8');
  }

  /** Does nothing where it runs, or is closed. */
  start(): void {
    if (this.#child || this.#closed) return;
    const { args, env, log, onEnd, program = [process.execPath] } = this.#options;
    const start = this.#starts++;
    appendFileSync(log, `--- start ${start} at ${new Date().toISOString()}\n`);
    const file = openSync(log, 'a');
    const [binary, ...words] = [...program, ...args(start)];
    const child = spawn(binary!, words, {
      stdio: ['ignore', file, file],
      env: { ...process.env, ...env?.(start) },
    });
    closeSync(file);
    this.#child = child;
    this.#ended = new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => {
        appendFileSync(log, `--- end: code ${code}, signal ${signal}, at ${new Date().toISOString()}\n`);
        this.#child = undefined;
        resolve({ code, signal });
        onEnd?.({ code, signal });
      });
    });
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Resolves with how it ended, or ends. */
  get ended(): Promise<End> {
    return this.#ended;
  }

  /** Ends it with no warning. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.#ended;
  }

  /** Ends it for good. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.kill();
  }

  /** Asks it to end; what has not ended after so many milliseconds is killed, and shows so by its signal. */
  async end(patienceMs: number): Promise<End> {
    this.signal('SIGTERM');
    this.signal('SIGCONT');
    const patience = new AbortController();
    const late = pause(patienceMs, undefined, { signal: patience.signal }).then(
      () => this.kill(),
      () => {}, // it ended in time
    );
    const end = await this.#ended;
    patience.abort();
    await late;
    return end;
  }
}
