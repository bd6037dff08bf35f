/** The bus within one process: the embedded default. */
import { MessageChecker } from '../message-check.js';
import type { ToCoordinator, ToWorker } from '../messages.js';
import type { Address, Bus, Unsubscribe } from './bus.js';
import { Handlers } from './handlers.js';

/**
 * Delivers messages in the microtask after the one that sent them, arrays without copying. It is never cut off. A message
 * is checked in the call that sends it, which throws ShapeError: what is wrong with it is the sender's doing, and the
 * sender is here to be told. The sizes of a run are known from its announcement on, which comes before all else.
 */
export class MemoryBus implements Bus {
  readonly #checker = new MessageChecker();
  readonly #coordinator = new Handlers<{ message: ToCoordinator; from: Address }>();
  readonly #workers = new Map<string, Handlers<ToWorker>>();
  readonly #unreachable = new Handlers<Address>();
  #closed = false;

  toCoordinator(message: ToCoordinator): void {
    const checked = this.#checker.toCoordinator(message);
    this.#later(() => this.#coordinator.call({ message: checked, from: checked.worker }));
  }

  toWorker(worker: Address, message: ToWorker): void {
    const checked = this.#checker.toWorker(message);
    this.#later(() => {
      const handlers = this.#workers.get(worker);
      if (handlers) handlers.call(checked);
      else this.#unreachable.call(worker);
    });
  }

  toAllWorkers(message: ToWorker): void {
    const checked = this.#checker.toWorker(message);
    this.#later(() => {
      for (const handlers of [...this.#workers.values()]) handlers.call(checked);
    });
  }

  onCoordinator(handler: (message: ToCoordinator, from: Address) => void): Unsubscribe {
    return this.#coordinator.add(({ message, from }) => handler(message, from));
  }

  onWorker(worker: string, handler: (message: ToWorker) => void): Unsubscribe {
    const handlers = this.#workers.get(worker) ?? new Handlers<ToWorker>();
    return handlers.add(handler, () => {
      this.#workers.set(worker, handlers);
      return [() => this.#workers.delete(worker)];
    });
  }

  onUnreachable(handler: (worker: Address) => void): Unsubscribe {
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
