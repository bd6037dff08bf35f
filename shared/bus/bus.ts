/** How coordinator and workers reach each other. */
import type { ToCoordinator, ToWorker } from '../messages.js';

/** Ends a subscription; idempotent. */
export type Unsubscribe = () => void;

/**
 * Messages of one sender arrive in order or not at all, never within the call that sent them, and as they were sent:
 * whoever sends an array no longer writes to it. What nobody subscribes to is lost.
 */
export interface Bus {
  /** To the coordinator. */
  toCoordinator(message: ToCoordinator): void;
  /** To one worker. */
  toWorker(worker: string, message: ToWorker): void;
  /** To all workers. */
  toAllWorkers(message: ToWorker): void;
  /** The coordinator's mail. */
  onCoordinator(handler: (message: ToCoordinator) => void): Unsubscribe;
  /** A worker's mail: what is sent to it, and what is sent to all. */
  onWorker(worker: string, handler: (message: ToWorker) => void): Unsubscribe;
  /** Delivers nothing from now on; idempotent. */
  close(): Promise<void>;
}
