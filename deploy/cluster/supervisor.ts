/** Child processes that are restarted if they are killed, and end with their parent. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';

/** How a child is run. */
export interface ChildOptions {
  /** For people, such as `worker 2`. */
  name: string;
  /** Node's arguments. */
  args: () => readonly string[];
  env?: NodeJS.ProcessEnv;
  /** File for its output; `inherit` shows it. */
  output: string | 'inherit';
  /** Whether to restart it after such an end; asked unless it was told to end. */
  again: (code: number | null, signal: NodeJS.Signals | null) => boolean;
  /** Called when it ends without being told to; `againAfter` is in seconds, undefined if it is not restarted. */
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
/** A child that lived this long was healthy: the next pause is short again. */
const WELL_MS = 20_000;
/** A child that does not end within this time is killed. */
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

  /** Sends a signal; returns whether there is a child now, and not a pause before it is restarted. */
  signal(signal: NodeJS.Signals): boolean {
    return this.#child?.kill(signal) ?? false;
  }

  /** Ends it, by force if need be; idempotent. */
  async end(): Promise<void> {
    this.#ending = true;
    clearTimeout(this.#timer);
    const child = this.#child;
    if (!child) return;
    const gone = new Promise<void>((resolve) => {
      this.#onGone = resolve;
    });
    child.kill('SIGTERM');
    // a stopped process sees SIGTERM only once it continues
    child.kill('SIGCONT');
    const timer = setTimeout(() => child.kill('SIGKILL'), END_MS);
    await gone;
    clearTimeout(timer);
  }

  #start(): void {
    const { args, env, output, onMessage } = this.#options;
    const startedAt = performance.now();
    const file = output === 'inherit' ? undefined : openSync(output, 'a');
    // in its own process group: Ctrl-C reaches only the parent, which knows in which order to end
    const child = spawn(process.execPath, args(), {
      detached: true,
      stdio: ['ignore', file ?? 'inherit', file ?? 'inherit', 'ipc'],
      env: { ...process.env, ...env },
    });
    if (file !== undefined) closeSync(file);
    this.#child = child;
    if (onMessage) child.on('message', onMessage);
    child.on('error', () => {}); // 'close' follows if it could not be started
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
