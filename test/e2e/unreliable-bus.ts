/** A bus that loses, repeats, delays and so reorders messages, by a seed. */
import type { Bus, Unsubscribe } from '../../shared/bus/bus.js';
import type { ToCoordinator, ToWorker } from '../../shared/messages.js';
import { Disturbance, type Faults } from './disturbance.js';

export class UnreliableBus implements Bus {
  readonly #bus: Bus;
  readonly #disturbance: Disturbance;

  constructor(bus: Bus, faults: Faults, seed: number) {
    this.#bus = bus;
    this.#disturbance = new Disturbance(faults, seed);
  }

  /** Faults so far. */
  get counts(): Disturbance['counts'] {
    return this.#disturbance.counts;
  }

  toCoordinator(message: ToCoordinator): void {
    // why a worker left is said once: losing it would only make the run wait for its silence
    if (message.type === 'goodbye') this.#bus.toCoordinator(message);
    else this.#disturbance.pass(() => this.#bus.toCoordinator(message));
  }

  toWorker(worker: string, message: ToWorker): void {
    this.#disturbance.pass(() => this.#bus.toWorker(worker, message));
  }

  toAllWorkers(message: ToWorker): void {
    if (message.type === 'finished') this.#bus.toAllWorkers(message);
    else this.#disturbance.pass(() => this.#bus.toAllWorkers(message));
  }

  onCoordinator(...handlers: Parameters<Bus['onCoordinator']>): Unsubscribe {
    return this.#bus.onCoordinator(...handlers);
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
    this.#disturbance.close();
    await this.#bus.close();
  }
}
