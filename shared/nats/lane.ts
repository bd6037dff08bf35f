/** One connection to NATS, as the rest of lopt sees it. */
import {
  type ConnectionOptions,
  connect,
  createInbox,
  DebugEvents,
  ErrorCode,
  Events,
  type Msg,
  type NatsConnection,
} from 'nats';
import type { Unsubscribe } from '../bus/bus.js';
import type { Logger } from '../logger.js';
import { plainText } from '../plain-text.js';

/** A received message. */
export interface Incoming {
  subject: string;
  bytes: Uint8Array;
  /** Answers its sender; does nothing if it wants no answer. */
  answer(bytes: Uint8Array): void;
  /** Whether it says that nobody subscribes to the subject of a message of ours. */
  nobody: boolean;
}

/** The connection was lost or closed before the server had answered. */
export class CutOffError extends Error {
  override readonly name = 'CutOffError';
}

/** Options of every connection: it reconnects without end, and notices a loss within seconds. */
const PERSISTENT: ConnectionOptions = {
  maxReconnectAttempts: -1,
  reconnectTimeWait: 250,
  reconnectJitter: 100,
  reconnectJitterTLS: 100,
  pingInterval: 5000,
  maxPingOut: 2,
  // a restarted server may not have its accounts yet
  ignoreAuthErrorAbort: true,
  noAsyncTraces: true,
  timeout: 5000,
};

/** How long a drain may take when a lane closes. */
const DRAIN_MS = 3000;
/** The least time between two log lines about refusals. */
const REFUSAL_MS = 10_000;

export class Lane {
  readonly connection: NatsConnection;
  readonly #name: string;
  readonly #logger: Logger;
  readonly #reconnected = new Set<() => void>();
  readonly #cutOff = new Set<() => void>();
  /** Answers to send at the end of this turn of the event loop. */
  #answers: { subject: string; bytes: Uint8Array }[] = [];
  #connected = true;
  #closing: Promise<void> | undefined;
  #refusalAt = Number.NEGATIVE_INFINITY;
  #maxPayload: number;
  readonly #inboxPrefix: string | undefined;

  private constructor(
    connection: NatsConnection,
    { name, logger, inboxPrefix }: { name: string; logger: Logger; inboxPrefix: string | undefined },
  ) {
    this.connection = connection;
    this.#name = name;
    this.#logger = logger;
    this.#inboxPrefix = inboxPrefix;
    this.#maxPayload = connection.info!.max_payload;
    void this.#watch();
  }

  /** Connects. Rejects with the client's own error. */
  static async open(options: ConnectionOptions, name: string, logger: Logger): Promise<Lane> {
    const connection = await connect({ ...PERSISTENT, ...options, name });
    return new Lane(connection, { name, logger, inboxPrefix: options.inboxPrefix });
  }

  get connected(): boolean {
    return this.#connected && !this.closed;
  }

  get closed(): boolean {
    return this.#closing !== undefined || this.connection.isClosed();
  }

  /** Bytes that the server takes in one message. */
  get maxPayload(): number {
    this.#maxPayload = this.connection.info?.max_payload ?? this.#maxPayload;
    return this.#maxPayload;
  }

  /** Sends; messages sent while the connection is lost are lost. */
  publish(subject: string, bytes: Uint8Array, reply?: string): void {
    if (!this.connected) return;
    this.connection.publish(subject, bytes, reply === undefined ? {} : { reply });
  }

  /** Passes every message of a subject to the handler, until the subscription ends. */
  subscribe(subject: string, handler: (message: Incoming) => void): Unsubscribe {
    if (this.closed) return () => {};
    const subscription = this.connection.subscribe(subject, {
      callback: (error, message) => {
        if (error) {
          this.#refused(`Cannot subscribe to "${subject}": ${error.message}`);
          return;
        }
        try {
          handler(incomingOf(message, (bytes) => this.#answer(message, bytes)));
        } catch (thrown) {
          // in the client it would end the reading; thrown from here, nobody catches it
          queueMicrotask(() => {
            throw thrown;
          });
        }
      },
    });
    return () => {
      if (!this.connection.isClosed()) subscription.unsubscribe();
    };
  }

  /** A new subject for answers. */
  inbox(): string {
    return createInbox(this.#inboxPrefix);
  }

  /**
   * Resolves to the answer to a request, or to undefined if there is none: nobody subscribes to the subject, the
   * connection is lost, `timeoutMs` have passed, or the server forbids the subject, which is logged.
   */
  async request(subject: string, bytes: Uint8Array, timeoutMs: number): Promise<Uint8Array | undefined> {
    try {
      const answer = await this.whileConnected(() => this.connection.request(subject, bytes, { timeout: timeoutMs }));
      return answer.data;
    } catch (error) {
      const forbidden = (error as { code?: string }).code === ErrorCode.PermissionsViolation;
      if (error instanceof CutOffError || isSilence(error) || forbidden) return undefined;
      throw error;
    }
  }

  /** Runs work that needs the connection; rejects as soon as the connection is lost, rather than after a time-out. */
  async whileConnected<Result>(work: () => Promise<Result>): Promise<Result> {
    if (!this.connected) throw new CutOffError('the connection is lost');
    let end = () => {};
    const lost = new Promise<never>((_resolve, reject) => {
      end = () => reject(new CutOffError('the connection was lost'));
    });
    this.#cutOff.add(end);
    const working = work();
    working.catch(() => {}); // if the loss comes first, nobody awaits this error
    try {
      return await Promise.race([working, lost]);
    } finally {
      this.#cutOff.delete(end);
    }
  }

  /** Calls the handler when the connection is back after a loss. */
  onReconnect(handler: () => void): Unsubscribe {
    this.#reconnected.add(handler);
    return () => this.#reconnected.delete(handler);
  }

  /** Resolves when the server has received everything sent before; at once if it cannot. */
  async flush(): Promise<void> {
    try {
      await this.whileConnected(() => this.connection.flush());
    } catch (error) {
      if (!(error instanceof CutOffError) && !isSilence(error)) throw error;
    }
  }

  /** Sends what is left, and closes; idempotent. @param drainMs how long that may take */
  close(drainMs = DRAIN_MS): Promise<void> {
    this.#closing ??= this.#close(drainMs);
    return this.#closing;
  }

  async #close(drainMs: number): Promise<void> {
    for (const end of [...this.#cutOff]) end();
    if (this.connection.isClosed()) return;
    this.#sendAnswers();
    if (this.#connected && drainMs > 0) {
      const drained = this.connection.drain();
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, drainMs);
      });
      await Promise.race([drained, late]);
      clearTimeout(timer);
    }
    await this.connection.close();
  }

  /** Answers when all received messages are handled: many answers in one write, after whatever is sent meanwhile. */
  #answer({ reply }: Msg, bytes: Uint8Array): void {
    if (!reply) return;
    this.#answers.push({ subject: reply, bytes });
    if (this.#answers.length === 1) setImmediate(() => this.#sendAnswers());
  }

  #sendAnswers(): void {
    const answers = this.#answers;
    this.#answers = [];
    // if nothing can be sent any more, the sender asks again
    if (!this.#connected || this.connection.isClosed() || this.connection.isDraining()) return;
    for (const { subject, bytes } of answers) this.connection.publish(subject, bytes);
  }

  async #watch(): Promise<void> {
    for await (const { type, data, permissionContext } of this.connection.status()) {
      switch (type) {
        case Events.Disconnect:
        case DebugEvents.StaleConnection:
          this.#lost();
          break;
        case Events.Reconnect:
          this.#connected = true;
          this.#logger.info(`${this.#name}: connected to NATS again`);
          for (const handler of [...this.#reconnected]) handler();
          break;
        case Events.Error:
          this.#refused(
            permissionContext
              ? `The NATS server forbids the ${permissionContext.operation} "${permissionContext.subject}"`
              : `The NATS server says: ${String(data)}`,
          );
      }
    }
    // the client gave up, or was closed
    for (const end of [...this.#cutOff]) end();
    const error = await this.connection.closed();
    if (!this.#closing) this.#logger.error(`${this.#name}: the connection to NATS is closed: ${error?.message}`);
  }

  #lost(): void {
    if (this.#connected && !this.#closing) {
      this.#logger.warn(`${this.#name}: the connection to NATS is lost; connecting again`);
    }
    this.#connected = false;
    for (const end of [...this.#cutOff]) end();
  }

  #refused(sentence: string): void {
    const now = performance.now();
    if (this.#closing || now - this.#refusalAt < REFUSAL_MS) return;
    this.#refusalAt = now;
    // the server's words may be among these
    this.#logger.error(plainText(sentence));
  }
}

function incomingOf(message: Msg, answer: (bytes: Uint8Array) => void): Incoming {
  const nobody = message.data.length === 0 && message.headers?.code === 503;
  return { subject: message.subject, bytes: message.data, answer, nobody };
}

const SILENT = new Set<string>([
  ErrorCode.Timeout,
  ErrorCode.NoResponders,
  ErrorCode.Disconnect,
  ErrorCode.ConnectionClosed,
  ErrorCode.ConnectionDraining,
  ErrorCode.ConnectionRefused,
  ErrorCode.ConnectionTimeout,
  ErrorCode.Cancelled,
]);

/** Whether an error of the client means only that nobody answered. */
export function isSilence(error: unknown): boolean {
  return SILENT.has((error as { code?: string }).code ?? '');
}
