/** The bus within one process: the embedded default. */
import type { ToCoordinator, ToWorker } from '../messages.js';
import type { Bus, Unsubscribe } from './bus.js';

/** Delivers messages in the microtask after the one that sent them, without copying. */
export class MemoryBus implements Bus {
  readonly #coordinator = new Set<(message: ToCoordinator) => void>();
  readonly #workers = new Map<string, Set<(message: ToWorker) => void>>();
  #closed = false;

  toCoordinator(message: ToCoordinator): void {
    this.#deliver(() => [...this.#coordinator], message);
  }

  toWorker(worker: string, message: ToWorker): void {
    this.#deliver(() => [...(this.#workers.get(worker) ?? [])], message);
  }

  toAllWorkers(message: ToWorker): void {
    this.#deliver(() => [...this.#workers.values()].flatMap((handlers) => [...handlers]), message);
  }

  onCoordinator(handler: (message: ToCoordinator) => void): Unsubscribe {
    this.#coordinator.add(handler);
    return () => this.#coordinator.delete(handler);
  }

  onWorker(worker: string, handler: (message: ToWorker) => void): Unsubscribe {
    const handlers = this.#workers.get(worker) ?? new Set();
    this.#workers.set(worker, handlers.add(handler));
    return () => handlers.delete(handler);
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #deliver<Message>(handlers: () => ((message: Message) => void)[], message: Message): void {
    queueMicrotask(() => {
      if (this.#closed) return;
      for (const handler of handlers()) handler(message);
    });
  }
}
