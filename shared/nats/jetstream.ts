/** Requests to JetStream, the server's storage. Each ends with an answer, a refusal or silence, which may pass. */
import { setTimeout as pause } from 'node:timers/promises';
import type { JetStreamClient, JetStreamManager } from 'nats';
import { ClusterError } from '../errors.js';
import type { Logger } from '../logger.js';
import { plainText } from '../plain-text.js';
import { CutOffError, isSilence } from './lane.js';
import type { NatsLink } from './link.js';

/** Why the server refuses a request: error codes of its API. */
export const REFUSALS = {
  notEnabled: 10039,
  noMessage: 10037,
  noStream: 10059,
  wrongLastSequence: 10071,
  full: 10077,
  noStorage: 10047,
  unavailable: 10008,
} as const;

/** A definite no from the server. */
export interface Refusal {
  code: number;
  description: string;
}

/** How a request ended. */
export type Outcome<Answer> = { answer: Answer } | { refusal: Refusal } | { silence: string };

/** A message of a stream. */
export interface StoredMessage {
  sequence: number;
  data: Uint8Array;
}

/** Which message is read: the last of a subject, that of a sequence, or the first of a subject from a sequence on. */
export type MessageQuery = { last_by_subj: string } | { seq: number } | { seq: number; next_by_subj: string };

/** The two halves of the client's API. */
export interface JetStreamApi {
  client: JetStreamClient;
  manager: JetStreamManager;
}

/** How requests are made. */
export interface JetStreamOptions {
  logger: Logger;
  /** Milliseconds to wait for an answer. @default 5000 */
  answerMs?: number;
  /** Milliseconds of silence after which a request is given up. @default never */
  silenceMs?: number;
  /** Once it is aborted, a request is given up after a few seconds of silence. */
  signal?: AbortSignal;
}

const LEAST_VERSION = [2, 9] as const;
const RETRY_MS = 200;
const LONGEST_RETRY_MS = 2000;
const SAY_MS = 10_000;
/** How long a request waits for a silent server once the process is told to stop. */
const STOPPING_MS = 5000;

export class JetStream {
  readonly link: NatsLink;
  readonly #api: JetStreamApi;
  readonly #logger: Logger;
  readonly #silenceMs: number;
  /** When the process was told to stop. */
  #stoppedAt: number | undefined;
  #gaveUp = false;

  private constructor(link: NatsLink, api: JetStreamApi, { logger, silenceMs, signal }: JetStreamOptions) {
    this.link = link;
    this.#api = api;
    this.#logger = logger;
    this.#silenceMs = silenceMs ?? Number.POSITIVE_INFINITY;
    const stop = () => {
      this.#stoppedAt = performance.now();
    };
    if (signal?.aborted) stop();
    else signal?.addEventListener('abort', stop, { once: true });
  }

  /** Checks that the server can store what a run needs; throws ClusterError that says what it lacks. */
  static async open(link: NatsLink, options: JetStreamOptions): Promise<JetStream> {
    const { connection } = link.control;
    const { answerMs = 5000 } = options;
    const timeouts = { timeout: answerMs };
    const manager = await connection.jetstreamManager({ ...timeouts, checkAPI: false });
    const jetStream = new JetStream(link, { client: connection.jetstream(timeouts), manager }, options);
    const patience = jetStream.patience('Cannot use NATS');
    while (!connection.info) await patience('the connection is lost');
    const { version, jetstream: enabled = false } = connection.info;
    if (!isRecent(version)) {
      throw new ClusterError(
        `Cannot use NATS at ${link.servers}: the server must be of version ${LEAST_VERSION.join('.')} or later, got ${version}`,
      );
    }
    const outcome = await jetStream.attempt(({ manager }) => manager.getAccountInfo());
    // while JetStream starts, the server says that it has it, but does not answer yet
    if ('refusal' in outcome) throw withoutJetStream(link, outcome.refusal);
    if ('silence' in outcome) {
      if (!enabled) throw withoutJetStream(link);
      await patience(outcome.silence);
    }
    return jetStream;
  }

  /** Whether a request was given up: nothing is asked of the server any more. */
  get hasGivenUp(): boolean {
    return this.#gaveUp;
  }

  /** Makes one request. Rejects only if permissions are missing, or on a bug. */
  async attempt<Answer>(request: (api: JetStreamApi) => Promise<Answer>): Promise<Outcome<Answer>> {
    if (this.#gaveUp) return { silence: 'nothing is asked of it any more' };
    try {
      return { answer: await this.link.control.whileConnected(() => request(this.#api)) };
    } catch (error) {
      if (error instanceof CutOffError) return { silence: error.message };
      const { code, message, api_error, permissionContext } = error as ClientError;
      if (api_error) {
        const { err_code } = api_error;
        const description = plainText(api_error.description);
        if (err_code === REFUSALS.unavailable) return { silence: description };
        return { refusal: { code: err_code ?? api_error.code, description } };
      }
      if (permissionContext) {
        const { operation, subject } = permissionContext;
        throw new ClusterError(`Cannot use NATS at ${this.link.servers}: it forbids the ${operation} "${subject}"`, {
          cause: error,
        });
      }
      if (isSilence(error)) return { silence: code === '503' ? 'JetStream is not there' : message };
      throw error;
    }
  }

  /**
   * Repeats a request that may be made twice until the server answers or refuses it. Throws ClusterError, which begins
   * with `task`, if the connection is closed meanwhile, or the server is silent for longer than this waits.
   */
  async ask<Answer>(
    task: string,
    request: (api: JetStreamApi) => Promise<Answer>,
  ): Promise<Exclude<Outcome<Answer>, { silence: string }>> {
    const patience = this.patience(task);
    for (;;) {
      const outcome = await this.attempt(request);
      if (!('silence' in outcome)) return outcome;
      await patience(outcome.silence);
    }
  }

  /** The answer of `ask`; throws ClusterError if the server refuses. */
  async demand<Answer>(task: string, request: (api: JetStreamApi) => Promise<Answer>): Promise<Answer> {
    const outcome = await this.ask(task, request);
    if ('answer' in outcome) return outcome.answer;
    throw this.refused(task, outcome.refusal);
  }

  /**
   * Reads a message of a stream that allows direct reads; undefined if there is none. The last message of a subject
   * comes from the leader; others come from any server, or from the leader if that server does not have them (yet).
   */
  async read(
    task: string,
    stream: string,
    query: MessageQuery,
  ): Promise<{ answer: StoredMessage | undefined } | { refusal: Refusal }> {
    if ('seq' in query) {
      const outcome = await this.attempt(() => this.#readDirectly(stream, query));
      if ('answer' in outcome && outcome.answer) return { answer: outcome.answer };
    }
    const outcome = await this.ask(task, ({ manager }) => manager.streams.getMessage(stream, query));
    if ('answer' in outcome) return { answer: { sequence: outcome.answer.seq, data: outcome.answer.data } };
    return outcome.refusal.code === REFUSALS.noMessage ? { answer: undefined } : outcome;
  }

  /** Reads a message itself rather than in JSON, which is ten times as fast for large ones. */
  async #readDirectly(stream: string, query: MessageQuery): Promise<StoredMessage | undefined> {
    const { connection } = this.link.control;
    const request = Buffer.from(JSON.stringify(query));
    const timeout = this.#api.manager.getOptions().timeout ?? 5000;
    const { headers, data } = await connection.request(`$JS.API.DIRECT.GET.${stream}`, request, { timeout });
    const sequence = Number(headers?.get('Nats-Sequence'));
    return sequence > 0 ? { sequence, data } : undefined;
  }

  /** The error for a refusal. */
  refused(task: string, { code, description }: Refusal): ClusterError {
    const isFull = code === REFUSALS.noStorage || /no space|insufficient|exceeded/i.test(description);
    const hint = isFull ? '; give it more storage, or ask for less' : '';
    return new ClusterError(`${task}: NATS at ${this.link.servers} says "${description}"${hint}`);
  }

  /**
   * Returns a function to call after each silence: it waits, longer every time, but at most until a reconnect. It throws
   * ClusterError once the server has been silent for longer than this waits.
   */
  patience(task: string): (silence: string) => Promise<void> {
    const beganAt = performance.now();
    let waitMs = RETRY_MS;
    let saidAt = beganAt;
    return async (silence) => {
      if (this.link.closed) throw this.link.closedError(task);
      const now = performance.now();
      const server = `NATS at ${this.link.servers}`;
      if (this.#gaveUp || now >= this.#untilFor(beganAt)) {
        this.#gaveUp = true;
        const seconds = Math.round((now - beganAt) / 1000);
        throw new ClusterError(`${task}: ${server} has not answered for ${seconds} s (${silence}); ${LOOK_AT_IT}`);
      }
      if (now - saidAt > SAY_MS) {
        saidAt = now;
        // a server that is away has no reason but that
        const hint = this.link.control.connected ? `; if that goes on, ${LOOK_AT_IT}` : '';
        this.#logger.warn(`${task} yet: ${server} does not answer (${silence}); trying again${hint}`);
      }
      const stop = new AbortController();
      const end = this.link.control.onReconnect(() => stop.abort());
      await pause(waitMs, undefined, { signal: stop.signal }).catch(() => {}); // cut short
      end();
      waitMs = Math.min(2 * waitMs, LONGEST_RETRY_MS);
    };
  }

  /** When a request is given up that was first made at this time. */
  #untilFor(beganAt: number): number {
    const stopping = this.#stoppedAt ?? Number.POSITIVE_INFINITY;
    return Math.min(beganAt + this.#silenceMs, Math.max(stopping, beganAt) + STOPPING_MS);
  }
}

/** nats-server answers nothing that concerns a store whose disk is full. */
const LOOK_AT_IT = 'look at its log, and whether the disk of its store is full';

/** What the client throws. */
interface ClientError extends Error {
  code?: string;
  api_error?: { code: number; err_code?: number; description: string };
  permissionContext?: { operation: string; subject: string };
}

function isRecent(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > LEAST_VERSION[0] || (major === LEAST_VERSION[0] && minor >= LEAST_VERSION[1]);
}

function withoutJetStream(link: NatsLink, refusal?: Refusal): ClusterError {
  const says = refusal ? `, and it says "${refusal.description}"` : '';
  return new ClusterError(
    `Cannot use NATS at ${link.servers}: JetStream must be enabled there, as by nats-server -js -sd FOLDER${says}`,
  );
}
