/** A bus that holds back what workers send to the coordinator, for as long as a test wants. */
import type { Bus, Unsubscribe } from '../../shared/bus/bus.js';
import { MemoryBus } from '../../shared/bus/memory-bus.js';
import type { ToCoordinator, ToWorker } from '../../shared/messages.js';

export class GatedBus implements Bus {
  readonly #bus: Bus = new MemoryBus();
  #held: ToCoordinator[] = [];
  /** Which messages are held back. */
  holds: (message: ToCoordinator) => boolean = () => false;

  /** Sends everything that was held back, and holds no more. */
  release(): void {
    this.holds = () => false;
    for (const message of this.#held.splice(0)) this.#bus.toCoordinator(message);
  }

  toCoordinator(message: ToCoordinator): void {
    if (this.holds(message)) this.#held.push(message);
    else this.#bus.toCoordinator(message);
  }

  toWorker(worker: string, message: ToWorker): void {
    this.#bus.toWorker(worker, message);
  }

  toAllWorkers(message: ToWorker): void {
    this.#bus.toAllWorkers(message);
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

  close(): Promise<void> {
    return this.#bus.close();
  }
}
