/** A rate-limited logger, for messages that strangers can cause any number of times. */
import type { LogFields, Logger } from './logger.js';

/** How much is logged. */
export interface SparingOptions {
  /** Lines that are logged before the limit applies. @default 10 */
  burst?: number;
  /** Milliseconds between two lines after that. @default 10 000 */
  everyMs?: number;
  /** @default performance.now */
  now?: () => number;
}

/** Logs the first lines, then one now and then, with the number of lines left out before it. */
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
