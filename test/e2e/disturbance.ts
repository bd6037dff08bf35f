/** What goes wrong on the way: messages are lost, repeated, delayed and so reordered, by a seed. */
import { seededRandom } from './harness.js';

/** Probabilities of what happens to a message. */
export interface Faults {
  lost: number;
  repeated: number;
  delayed: number;
}

/** No message is delayed for longer. */
const LONGEST_MS = 60;

export class Disturbance {
  readonly #faults: Faults;
  readonly #random: () => number;
  readonly #timers = new Set<NodeJS.Timeout>();
  /** Faults so far. */
  readonly counts = { lost: 0, repeated: 0, delayed: 0 };

  constructor(faults: Faults, seed: number) {
    this.#faults = faults;
    this.#random = seededRandom(seed);
  }

  /** Sends once, twice, later, or not at all. */
  pass(send: () => void): void {
    const { lost, repeated, delayed } = this.#faults;
    if (this.#random() < lost) {
      this.counts.lost += 1;
      return;
    }
    const copies = this.#random() < repeated ? 2 : 1;
    this.counts.repeated += copies - 1;
    for (let copy = 0; copy < copies; copy++) {
      if (this.#random() >= delayed) {
        send();
        continue;
      }
      this.counts.delayed += 1;
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        send();
      }, this.#random() * LONGEST_MS);
      this.#timers.add(timer);
    }
  }

  /** What is delayed is lost. */
  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
  }
}
