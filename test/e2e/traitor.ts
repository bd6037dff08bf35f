/** Somebody with the credentials of a worker, who knows lopt's protocol and lies in it. */

import { nextRun } from '../../shared/bus/announcements.js';
import { NatsBus } from '../../shared/bus/nats-bus.js';
import { digestOf, type RunConfig } from '../../shared/config.js';
import { silentLogger } from '../../shared/logger.js';
import {
  type AnnounceMessage,
  type EvaluationMessage,
  PROTOCOL,
  type ResultMessage,
  type ToCoordinator,
  type ToWorker,
} from '../../shared/messages.js';
import type { NatsLink } from '../../shared/nats/link.js';
import { phiLength } from '../../shared/phi.js';
import { runSubjects } from '../../shared/subjects.js';
import type { NodePlace } from '../../shared/sum-tree.js';
import { Pool } from '../../worker/pool.js';

/** What a traitor does when it hears something. */
export type Hear = (message: ToWorker, traitor: Traitor) => void;

/** The fingerprint of an honest machine: whoever has the source can compute it. */
export async function honestFingerprint(config: RunConfig): Promise<string> {
  const pool = new Pool(1);
  try {
    return await pool.fingerprint({ digest: digestOf(config), config });
  } finally {
    await pool.close();
  }
}

export class Traitor {
  readonly bus: NatsBus;
  readonly #name: string;
  readonly #announced: AnnounceMessage;

  private constructor(link: NatsLink, name: string, announced: AnnounceMessage) {
    this.bus = new NatsBus({ link, subjects: runSubjects(announced.run), logger: silentLogger, drainMs: 0 });
    this.bus.follow(announced);
    this.#name = name;
    this.#announced = announced;
  }

  /** Hears what is sent to the workers of a run, and to those of a name; first of all the announcement. */
  static of(link: NatsLink, name: string, announced: AnnounceMessage, hear: Hear): Traitor {
    const traitor = new Traitor(link, name, announced);
    traitor.bus.onWorker(name, (message) => hear(message, traitor));
    hear(announced, traitor);
    return traitor;
  }

  /** Waits for a run, and hears what is sent to its workers, and to those of a name. */
  static async start(link: NatsLink, name: string, hear: Hear): Promise<Traitor> {
    return Traitor.of(link, name, await nextRun({ link, logger: silentLogger }), hear);
  }

  /** The run as it was announced. */
  get announced(): AnnounceMessage {
    return this.#announced;
  }

  /** Wants to join, as what it says it is. */
  hello(fingerprint: string): void {
    const { digest } = this.#announced;
    const head = { type: 'hello', worker: this.#name, incarnation: 1, threads: 64 } as const;
    this.send({ ...head, fingerprint, protocol: PROTOCOL, digest });
  }

  /** Says that it lives, and advances these shards. */
  alive(ranges: { first: number; end: number }[] = []): void {
    this.send({ type: 'heartbeat', worker: this.#name, incarnation: 1, ranges, copies: [] });
  }

  /** A node of a round's sum, all of one value. */
  result(round: number, node: NodePlace, shards: number, value: number): ResultMessage {
    const { config, digest } = this.#announced;
    const problems = shards * config.problems;
    const metaGradient = new Float32Array(phiLength(config.architecture)).fill(value);
    const sums = { metaGradient, loss: 1, finalLoss: 1, healthy: problems, problems };
    return { type: 'result', worker: this.#name, digest, round, node: { ...node, ...sums }, replayed: 0 };
  }

  /** Every chunk of an evaluation, each function with the same score. */
  evaluation(round: number, score: number): EvaluationMessage[] {
    const { config, digest } = this.#announced;
    const chunks = Math.ceil(config.evaluateFunctions / config.problems);
    return Array.from({ length: chunks }, (_, chunk) => {
      const values = new Float64Array(Math.min(config.problems, config.evaluateFunctions - chunk * config.problems));
      const scores = { chunk, initial: values.slice(), sum: values.fill(score), final: values.slice() };
      return { type: 'evaluation', worker: this.#name, digest, round, scores };
    });
  }

  send(...messages: ToCoordinator[]): void {
    for (const message of messages) this.bus.toCoordinator(message);
  }

  async close(): Promise<void> {
    await this.bus.close();
  }
}
