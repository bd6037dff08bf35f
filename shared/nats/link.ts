/** A role's connections to NATS: one for control, and one for results, so that neither waits for the other. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Unsubscribe } from '../bus/bus.js';
import { ClusterError } from '../errors.js';
import type { Logger } from '../logger.js';
import { Lane } from './lane.js';
import { connectFailure, connectionOptions, type NatsOptions, serverNames } from './options.js';

/** How a role connects. */
export interface LinkOptions {
  nats: NatsOptions;
  /** The name in the server's monitoring, such as `lopt worker w1`. */
  name: string;
  logger: Logger;
  /** Seconds to keep trying the first connection, if that can help. @default 0 */
  waitSeconds?: number;
  /** Ends the waiting. */
  signal?: AbortSignal;
  /** Milliseconds that one try may take. @default 5000 */
  connectMs?: number;
}

const RETRY_MS = 500;

export class NatsLink {
  readonly control: Lane;
  readonly bulk: Lane;
  /** The servers, for messages. */
  readonly servers: string;

  private constructor(control: Lane, bulk: Lane, servers: string) {
    this.control = control;
    this.bulk = bulk;
    this.servers = servers;
  }

  /** Connects, and reconnects after every loss. Throws ClusterError, UsageError or FileError, each one sentence. */
  static async connect(how: LinkOptions): Promise<NatsLink> {
    const { nats, name, logger, waitSeconds = 0, signal, connectMs } = how;
    const options = { ...connectionOptions(nats), ...(connectMs === undefined ? {} : { timeout: connectMs }) };
    const until = performance.now() + 1000 * waitSeconds;
    for (let tries = 1; ; tries++) {
      const opened = await Promise.allSettled(
        ['', ' (results)'].map((suffix) => Lane.open(options, name + suffix, logger)),
      );
      const [control, bulk] = opened.map((each) => (each.status === 'fulfilled' ? each.value : undefined));
      if (control && bulk) return new NatsLink(control, bulk, serverNames(nats));
      const failed = opened.find((each) => each.status === 'rejected')!;
      // while the other connection, if there is one, still takes its place on the server
      const { error, mayPass } = await connectFailure(nats, failed.reason);
      await control?.close();
      await bulk?.close();
      if (!mayPass || performance.now() >= until || signal?.aborted) throw error;
      if (tries === 1) logger.warn(`${error.message}; trying again`);
      try {
        await pause(RETRY_MS, undefined, signal ? { signal } : {});
      } catch {
        // aborted: the reason why there is no connection says more
        throw error;
      }
    }
  }

  get closed(): boolean {
    return this.control.closed;
  }

  /** Calls the handler when either connection is back after a loss; messages sent meanwhile are lost. */
  onReconnect(handler: () => void): Unsubscribe {
    const ends = [this.control.onReconnect(handler), this.bulk.onReconnect(handler)];
    return () => {
      for (const end of ends) end();
    };
  }

  /** Bytes and messages in both directions since the start. */
  traffic(): { receivedBytes: number; sentBytes: number; receivedMessages: number; sentMessages: number } {
    const [a, b] = [this.control.connection.stats(), this.bulk.connection.stats()];
    return {
      receivedBytes: a.inBytes + b.inBytes,
      sentBytes: a.outBytes + b.outBytes,
      receivedMessages: a.inMsgs + b.inMsgs,
      sentMessages: a.outMsgs + b.outMsgs,
    };
  }

  /** The error for a task that needs a closed link. */
  closedError(task: string): ClusterError {
    return new ClusterError(`${task}: the connection to ${this.servers} is closed`);
  }

  /** Sends what is left, and closes; idempotent. */
  async close(): Promise<void> {
    await Promise.all([this.control.close(), this.bulk.close()]);
  }

  /** Closes at once; what is not sent yet is lost. Idempotent. */
  async cut(): Promise<void> {
    await Promise.all([this.control.close(0), this.bulk.close(0)]);
  }
}
