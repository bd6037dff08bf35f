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
}

const LEAST_VERSION = [2, 9] as const;
const RETRY_MS = 200;
const LONGEST_RETRY_MS = 2000;
const SAY_MS = 10_000;

export class JetStream {
  readonly link: NatsLink;
  readonly #api: JetStreamApi;
  readonly #logger: Logger;

  private constructor(link: NatsLink, api: JetStreamApi, logger: Logger) {
    this.link = link;
    this.#api = api;
    this.#logger = logger;
  }

  /** Checks that the server can store what a run needs; throws ClusterError that says what it lacks. */
  static async open(link: NatsLink, { logger, answerMs = 5000 }: JetStreamOptions): Promise<JetStream> {
    const { connection } = link.control;
    const options = { timeout: answerMs };
    const manager = await connection.jetstreamManager({ ...options, checkAPI: false });
    const jetStream = new JetStream(link, { client: connection.jetstream(options), manager }, logger);
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
    if ('silence' in outcome && !enabled) throw withoutJetStream(link);
    return jetStream;
  }

  /** Makes one request. Rejects only if permissions are missing, or on a bug. */
  async attempt<Answer>(request: (api: JetStreamApi) => Promise<Answer>): Promise<Outcome<Answer>> {
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
   * with `task`, if the connection is closed meanwhile.
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
    const hint = code === REFUSALS.noStorage ? '; give it more storage, or ask for less' : '';
    return new ClusterError(`${task}: NATS at ${this.link.servers} says "${description}"${hint}`);
  }

  /** Returns a function to call after each silence: it waits, longer every time, but at most until a reconnect. */
  patience(task: string): (silence: string) => Promise<void> {
    let waitMs = RETRY_MS;
    let saidAt = performance.now();
    return async (silence) => {
      if (this.link.closed) throw this.link.closedError(task);
      if (performance.now() - saidAt > SAY_MS) {
        saidAt = performance.now();
        this.#logger.warn(`${task} yet: NATS at ${this.link.servers} does not answer (${silence}); trying again`);
      }
      const stop = new AbortController();
      const end = this.link.control.onReconnect(() => stop.abort());
      await pause(waitMs, undefined, { signal: stop.signal }).catch(() => {}); // cut short
      end();
      waitMs = Math.min(2 * waitMs, LONGEST_RETRY_MS);
    };
  }
}

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
