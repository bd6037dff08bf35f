/** A bus that loses, repeats, delays and so reorders messages, by a seed. */
import type { Bus, Unsubscribe } from '../../shared/bus/bus.js';
import type { ToCoordinator, ToWorker } from '../../shared/messages.js';
import { seededRandom } from './harness.js';

/** Probabilities of what happens to a message. */
export interface Faults {
  lost: number;
  repeated: number;
  delayed: number;
}

export class UnreliableBus implements Bus {
  readonly #bus: Bus;
  readonly #faults: Faults;
  readonly #random: () => number;
  readonly #timers = new Set<NodeJS.Timeout>();
  /** Faults so far. */
  readonly counts = { lost: 0, repeated: 0, delayed: 0 };

  constructor(bus: Bus, faults: Faults, seed: number) {
    this.#bus = bus;
    this.#faults = faults;
    this.#random = seededRandom(seed);
  }

  toCoordinator(message: ToCoordinator): void {
    // why a worker left is said once: losing it would only make the run wait for its silence
    if (message.type === 'goodbye') this.#bus.toCoordinator(message);
    else this.#disturb(() => this.#bus.toCoordinator(message));
  }

  toWorker(worker: string, message: ToWorker): void {
    this.#disturb(() => this.#bus.toWorker(worker, message));
  }

  toAllWorkers(message: ToWorker): void {
    if (message.type === 'finished') this.#bus.toAllWorkers(message);
    else this.#disturb(() => this.#bus.toAllWorkers(message));
  }

  onCoordinator(handler: (message: ToCoordinator) => void): Unsubscribe {
    return this.#bus.onCoordinator(handler);
  }

  onWorker(worker: string, handler: (message: ToWorker) => void): Unsubscribe {
    return this.#bus.onWorker(worker, handler);
  }

  onUnreachable(handler: (worker: string) => void): Unsubscribe {
    return this.#bus.onUnreachable(handler);
  }

  onReconnect(handler: () => void): Unsubscribe {
    return this.#bus.onReconnect(handler);
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    await this.#bus.close();
  }

  #disturb(send: () => void): void {
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
      }, this.#random() * 60);
      this.#timers.add(timer);
    }
  }
}
