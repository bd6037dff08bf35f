/** Child processes that are started again where they are killed, and end with their parent. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';

/** How a child is run. */
export interface ChildOptions {
  /** As a person calls it: `worker 2`. */
  name: string;
  /** Node's arguments. */
  args: () => readonly string[];
  env?: NodeJS.ProcessEnv;
  /** File that takes what it prints; `inherit` shows it. */
  output: string | 'inherit';
  /** Whether to start it again after it ended so; asked unless it was told to end. */
  again: (code: number | null, signal: NodeJS.Signals | null) => boolean;
  /** Told when it ends without being told to: whether it is started again, and after how many seconds. */
  onEnded: (
    child: Supervised,
    code: number | null,
    signal: NodeJS.Signals | null,
    againAfter: number | undefined,
  ) => void;
  onMessage?: (message: unknown) => void;
}

const LEAST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 10_000;
/** A child that lived for so long was well: the next pause is short again. */
const WELL_MS = 20_000;
/** What does not end by itself is killed. */
const END_MS = 15_000;

export class Supervised {
  readonly name: string;
  readonly #options: ChildOptions;
  #child: ChildProcess | undefined;
  #timer: NodeJS.Timeout | undefined;
  #ending = false;
  #pauseMs = LEAST_PAUSE_MS;
  #onGone: () => void = () => {};

  constructor(options: ChildOptions) {
    this.name = options.name;
    this.#options = options;
    this.#start();
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Ends it, by force where it does not; idempotent. */
  async end(): Promise<void> {
    this.#ending = true;
    clearTimeout(this.#timer);
    const child = this.#child;
    if (!child) return;
    const gone = new Promise<void>((resolve) => {
      this.#onGone = resolve;
    });
    child.kill('SIGTERM');
    // one that is stopped hears of its end only when it goes on
    child.kill('SIGCONT');
    const timer = setTimeout(() => child.kill('SIGKILL'), END_MS);
    await gone;
    clearTimeout(timer);
  }

  #start(): void {
    const { args, env, output, onMessage } = this.#options;
    const startedAt = performance.now();
    const file = output === 'inherit' ? undefined : openSync(output, 'a');
    // in a group of its own: Ctrl-C comes to the parent alone, which knows in which order to end
    const child = spawn(process.execPath, args(), {
      detached: true,
      stdio: ['ignore', file ?? 'inherit', file ?? 'inherit', 'ipc'],
      env: { ...process.env, ...env },
    });
    if (file !== undefined) closeSync(file);
    this.#child = child;
    if (onMessage) child.on('message', onMessage);
    child.on('error', () => {}); // 'close' follows where it could not be started
    child.on('close', (code, signal) => {
      this.#child = undefined;
      this.#onGone();
      if (this.#ending) return;
      this.#ended(code, signal, performance.now() - startedAt);
    });
  }

  #ended(code: number | null, signal: NodeJS.Signals | null, livedMs: number): void {
    const { again, onEnded } = this.#options;
    if (livedMs > WELL_MS) this.#pauseMs = LEAST_PAUSE_MS;
    const pauseMs = again(code, signal) ? this.#pauseMs : undefined;
    if (pauseMs !== undefined) {
      this.#pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
      this.#timer = setTimeout(() => this.#start(), pauseMs);
    }
    onEnded(this, code, signal, pauseMs === undefined ? undefined : pauseMs / 1000);
  }
}
