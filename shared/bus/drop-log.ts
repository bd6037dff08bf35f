/** Says now and then what was dropped: a stranger may send any number of bad messages. */
import type { Logger } from '../logger.js';
import { plainText } from '../plain-text.js';

const EVERY_MS = 10_000;

export class DropLog {
  readonly #logger: Logger;
  readonly #now: () => number;
  #saidAt = Number.NEGATIVE_INFINITY;
  #unsaid = 0;
  #dropped = 0;

  /** @param now in milliseconds */
  constructor(logger: Logger, now: () => number = () => performance.now()) {
    this.#logger = logger;
    this.#now = now;
  }

  /** Messages dropped so far. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Counts a message that was dropped, and says so unless it just did of others. */
  drop(subject: string, why: string): void {
    this.#dropped += 1;
    this.#unsaid += 1;
    const now = this.#now();
    if (now - this.#saidAt < EVERY_MS) return;
    const more = this.#unsaid > 1 ? ` (and ${this.#unsaid - 1} before it)` : '';
    // both may hold what the stranger wrote
    this.#logger.warn(plainText(`A message on ${subject} is dropped${more}: ${why}`));
    this.#saidAt = now;
    this.#unsaid = 0;
  }
}
