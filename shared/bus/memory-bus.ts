/** The bus within one process: the embedded default. */
import type { ToCoordinator, ToWorker } from '../messages.js';
import type { Bus, Unsubscribe } from './bus.js';
import { Handlers } from './handlers.js';

/** Delivers messages in the microtask after the one that sent them, without copying. It is never cut off. */
export class MemoryBus implements Bus {
  readonly #coordinator = new Handlers<ToCoordinator>();
  readonly #workers = new Map<string, Handlers<ToWorker>>();
  readonly #unreachable = new Handlers<string>();
  #closed = false;

  toCoordinator(message: ToCoordinator): void {
    this.#later(() => this.#coordinator.call(message));
  }

  toWorker(worker: string, message: ToWorker): void {
    this.#later(() => {
      const handlers = this.#workers.get(worker);
      if (handlers) handlers.call(message);
      else this.#unreachable.call(worker);
    });
  }

  toAllWorkers(message: ToWorker): void {
    this.#later(() => {
      for (const handlers of [...this.#workers.values()]) handlers.call(message);
    });
  }

  onCoordinator(handler: (message: ToCoordinator) => void): Unsubscribe {
    return this.#coordinator.add(handler);
  }

  onWorker(worker: string, handler: (message: ToWorker) => void): Unsubscribe {
    const handlers = this.#workers.get(worker) ?? new Handlers<ToWorker>();
    return handlers.add(handler, () => {
      this.#workers.set(worker, handlers);
      return [() => this.#workers.delete(worker)];
    });
  }

  onUnreachable(handler: (worker: string) => void): Unsubscribe {
    return this.#unreachable.add(handler);
  }

  onReconnect(): Unsubscribe {
    return () => {};
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #later(deliver: () => void): void {
    queueMicrotask(() => {
      if (!this.#closed) deliver();
    });
  }
}
