/** A logger for what strangers cause: they may cause it any number of times. */
import type { LogFields, Logger } from './logger.js';

/** How much is said. */
export interface SparingOptions {
  /** Lines that are said at once. @default 10 */
  burst?: number;
  /** Milliseconds between two lines after that. @default 10 000 */
  everyMs?: number;
  /** @default performance.now */
  now?: () => number;
}

/** Says the first lines, and then one now and then, with how many were left out before it. */
export class SparingLogger implements Logger {
  readonly #logger: Logger;
  readonly #options: Required<SparingOptions>;
  #left: number;
  #saidAt = Number.NEGATIVE_INFINITY;
  #unsaid = 0;

  constructor(logger: Logger, { burst = 10, everyMs = 10_000, now = () => performance.now() }: SparingOptions = {}) {
    this.#logger = logger;
    this.#options = { burst, everyMs, now };
    this.#left = burst;
  }

  info(line: string, about?: LogFields): void {
    this.#say('info', line, about);
  }

  warn(line: string, about?: LogFields): void {
    this.#say('warn', line, about);
  }

  error(line: string, about?: LogFields): void {
    this.#say('error', line, about);
  }

  #say(level: keyof Logger, line: string, about: LogFields | undefined): void {
    const { burst, everyMs, now } = this.#options;
    const time = now();
    if (time - this.#saidAt >= burst * everyMs) this.#left = burst;
    if (this.#left === 0 && time - this.#saidAt < everyMs) {
      this.#unsaid += 1;
      return;
    }
    this.#left = Math.max(0, this.#left - 1);
    this.#saidAt = time;
    const more = this.#unsaid > 0 ? ` (and ${this.#unsaid} like it before)` : '';
    this.#unsaid = 0;
    this.#logger[level](`${line}${more}`, about);
  }
}
