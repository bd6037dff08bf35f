/** How coordinator and workers reach each other. */
import type { ToCoordinator, ToWorker } from '../messages.js';

/** Ends a subscription; idempotent. */
export type Unsubscribe = () => void;

/**
 * Where a worker is reached, and what its messages come from. A bus that is open to strangers proves it: nobody can send
 * from the address of another. In one process it is the worker's name.
 */
export type Address = string;

/**
 * Messages never arrive within the call that sent them, and they arrive as they were sent: whoever sends an array no
 * longer writes to it. What nobody subscribes to is lost, and so is what is sent while a bus is cut off.
 *
 * What a handler is given has been checked, once, by the bus: it is a message, of the right sizes and finite, and whoever
 * handles it trusts that. What is not never arrives, and the next one does. A bus that is open to strangers checks what
 * comes in, drops it and says so now and then; within one process a bus checks what is sent, and throws ShapeError in that
 * call, to the one who made the mistake. Sizes are those of the run once the bus knows its configuration. That a message
 * belongs to a round, or comes from a member, is its handler's to decide; the name in it is that of its address.
 *
 * Those of one sender arrive in order or not at all; only a worker's results, evaluations and goodbye, which keep their
 * order among themselves, may be overtaken by its hello and heartbeats.
 */
export interface Bus {
  /** To the coordinator. */
  toCoordinator(message: ToCoordinator): void;
  /** To one worker. */
  toWorker(worker: Address, message: ToWorker): void;
  /** To all workers. */
  toAllWorkers(message: ToWorker): void;
  /**
   * The coordinator's mail, and where it comes from.
   * @param isMember whether a worker belongs to the run: no stranger's results stand before its own. @default all do
   */
  onCoordinator(
    handler: (message: ToCoordinator, from: Address) => void,
    isMember?: (worker: Address) => boolean,
  ): Unsubscribe;
  /** The mail of a worker of this name: what is sent to it, and what is sent to all. */
  onWorker(worker: string, handler: (message: ToWorker) => void): Unsubscribe;
  /** Told the address of a worker for whom something was sent while nobody subscribed to its mail: it is not there. */
  onUnreachable(handler: (worker: Address) => void): Unsubscribe;
  /** Told after the bus was cut off and is back: what was sent meanwhile is lost, and state is to be read again. */
  onReconnect(handler: () => void): Unsubscribe;
  /** Sends what is left, and delivers nothing from now on; idempotent. */
  close(): Promise<void>;
}
