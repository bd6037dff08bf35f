/**
 * The journal as a JetStream stream: one per run, with one subject per member. Each append is conditional on the last
 * record that this journal knows, so that of two coordinators one is refused.
 */
import { randomUUID } from 'node:crypto';
import { type ClusterError, InconsistencyError, JournalError } from '../errors.js';
import type { Logger } from '../logger.js';
import { type JetStream, REFUSALS, type Refusal } from '../nats/jetstream.js';
import { ensureJournalStream } from '../nats/journal-stream.js';
import { type LastRecord, type PreparedRecord, RecordStream } from '../nats/record-stream.js';
import type { RunSubjects } from '../subjects.js';
import type { Journal, JournalRecord } from './journal.js';
import { sameRecord } from './record-bits.js';

/** Options of a journal on JetStream. */
export interface JetStreamJournalOptions {
  jetStream: JetStream;
  subjects: RunSubjects;
  /** Of the configuration: the stream of another one is refused. */
  digest: string;
  logger: Logger;
  /** @default 0 */
  member?: number;
  /** Bytes that the stream may hold, for all members together. @default 1 GiB */
  maxBytes?: number;
  /** Servers of a cluster that hold a copy. @default 1 */
  replicas?: number;
  /** Bytes of records to keep in memory, in case a server loses them in a power failure. @default 64 MiB */
  keptBytes?: number;
  /** The round that an empty journal begins with. @default 0 */
  start?: number;
}

/** The last record, as this journal knows it. */
interface Tail {
  round: number;
  /** As the server knows it; 0 if there is none. */
  sequence: number;
}

export class JetStreamJournal implements Journal {
  readonly #options: Required<JetStreamJournalOptions>;
  readonly #records: RecordStream;
  readonly #writer = randomUUID();
  /** The records appended or read last, by round. */
  readonly #kept = new Map<number, PreparedRecord>();
  #keptBytes = 0;
  #first = -1;
  #tail: Tail = { round: -1, sequence: 0 };
  #appends = 0;

  private constructor(options: JetStreamJournalOptions) {
    this.#options = { member: 0, maxBytes: 2 ** 30, replicas: 1, keptBytes: 64 * 2 ** 20, start: 0, ...options };
    this.#records = new RecordStream(options.jetStream, options.subjects, this.#options.member);
  }

  /**
   * Opens the journal of a run's member; makes the run's stream if it is missing. Throws ClusterError if the stream
   * belongs to another configuration, or the server cannot store it.
   */
  static async open(options: JetStreamJournalOptions): Promise<JetStreamJournal> {
    const journal = new JetStreamJournal(options);
    await ensureJournalStream(journal.#options);
    const [first, last] = [await journal.#records.first(), await journal.#records.last()];
    journal.#first = first?.record.round ?? -1;
    if (last) journal.#adopt(last);
    return journal;
  }

  get first(): number {
    return this.#first;
  }

  get last(): number {
    return this.#tail.round;
  }

  /**
   * Appends the next record; resolves when the server has acknowledged it. Waits as long as the server is away. Throws
   * JournalError if another coordinator has taken over or the storage is full, and InconsistencyError if the stream
   * holds another record of this round.
   */
  async append(record: JournalRecord): Promise<void> {
    const { round } = record;
    const next = this.last < 0 ? this.#options.start : this.last + 1;
    if (round !== next) {
      throw new JournalError(`Cannot append round ${round} to the journal: the next one must be ${next}`);
    }
    await this.#store(this.#records.prepare(record, this.#writer));
    if (this.#first < 0) this.#first = round;
  }

  async read(round: number): Promise<JournalRecord> {
    const found = round < this.first || round > this.last ? undefined : await this.#records.find(round);
    if (found) return found.record;
    const kept = this.last < 0 ? 'it is empty' : `it holds rounds ${this.first} to ${this.last}`;
    throw new JournalError(`Cannot read round ${round} from the journal in ${this.#records.name}: ${kept}`);
  }

  async phi(round: number): Promise<Float32Array> {
    return (await this.read(round)).phi;
  }

  /**
   * Does nothing: appended records were acknowledged, and survive the end of the server's process. The server decides
   * when they reach the disk (`sync_interval`, 2 minutes by default); those lost in a power failure are appended again
   * from memory or, if the coordinator is gone too, computed again.
   */
  async sync(): Promise<void> {}

  async truncate(round: number): Promise<void> {
    if (round >= this.last) return;
    const found = round < this.first ? undefined : await this.#records.find(round);
    if (!found) {
      const kept = `it holds rounds ${this.first} to ${this.last}`;
      throw new JournalError(`Cannot cut the journal in ${this.#records.name} back to round ${round}: ${kept}`);
    }
    await this.#records.dropAfter(found);
    for (const kept of this.#kept.keys()) if (kept > round) this.#forget(kept);
    const last = await this.#records.last();
    if (last) this.#adopt(last);
  }

  async purge(round: number): Promise<void> {
    const oldest = Math.min(round, this.last);
    if (oldest <= this.#first) return;
    const found = await this.#records.find(oldest);
    if (!found) return;
    await this.#records.purgeBefore(found);
    this.#first = oldest;
  }

  /** The link stays open. */
  async close(): Promise<void> {
    this.#kept.clear();
  }

  /** Appends a record after the tail; tries until it is clear whether it was stored. */
  async #store(prepared: PreparedRecord): Promise<void> {
    const { round } = prepared.record;
    // an id per append: a record appended again after it was lost must not count as a duplicate
    this.#appends += 1;
    const id = `${this.#options.subjects.run}.${this.#options.member}.${round}.${this.#writer}.${this.#appends}`;
    const patience = this.#options.jetStream.patience(`Cannot append round ${round} to the journal`);
    for (;;) {
      const outcome = await this.#records.append(prepared, this.#tail.sequence, id);
      if ('answer' in outcome) {
        this.#follow(prepared, outcome.answer);
        return;
      }
      if ('refusal' in outcome && outcome.refusal.code !== REFUSALS.wrongLastSequence) {
        throw this.#refused(round, outcome.refusal);
      }
      if ('silence' in outcome) await patience(outcome.silence);
      if (await this.#resolve(prepared.record)) return;
    }
  }

  /**
   * Finds out from the last record what became of an append that was refused or not answered. Returns whether the
   * record is there; if not, moves the tail to where it can be appended.
   */
  async #resolve(record: JournalRecord): Promise<boolean> {
    const last = await this.#records.last();
    if (last && (last.record.term > record.term || last.record.round > record.round)) {
      throw takenOver(record, last.record);
    }
    if (last?.record.round === record.round) {
      // mine, acknowledged after all; or that of another coordinator that made the same step, which is adopted
      if (last.writer !== this.#writer) assertSame(record, last.record);
      this.#adopt(last);
      return true;
    }
    const known = last && this.#kept.get(last.record.round);
    if (known) assertSame(known.record, last.record);
    if (last?.record.round === record.round - 1) {
      this.#tail = { round: record.round - 1, sequence: last.after };
      return false;
    }
    await this.#appendAgain(record.round, last);
    return false;
  }

  /** Appends from memory the records that were acknowledged, but that a server lost at the end of the stream. */
  async #appendAgain(round: number, last: LastRecord | undefined): Promise<void> {
    const from = last ? last.record.round + 1 : this.#options.start;
    const missing = Array.from({ length: round - from }, (_, i) => this.#kept.get(from + i));
    this.#options.logger.warn(`NATS has lost rounds ${from} to ${round - 1} of the journal; appending them again`);
    if (missing.some((prepared) => prepared === undefined)) {
      throw new JournalError(
        `Cannot append round ${round} to the journal: NATS has lost the rounds from ${from} on, and they are no longer in memory; start the coordinator again, and it goes on from there`,
      );
    }
    this.#records.forgetFrom(from);
    this.#tail = { round: from - 1, sequence: last?.after ?? 0 };
    for (const prepared of missing) await this.#store(prepared!);
  }

  /** Makes a record that is already in the stream the tail. */
  #adopt({ sequence, after, record, writer }: LastRecord): void {
    this.#follow(this.#records.prepare(record, writer), sequence);
    this.#tail = { round: record.round, sequence: after };
  }

  /** Makes this record the tail. */
  #follow(prepared: PreparedRecord, sequence: number): void {
    const { record } = prepared;
    this.#tail = { round: record.round, sequence };
    this.#records.remember(record.round, sequence);
    this.#forget(record.round);
    this.#kept.set(record.round, prepared);
    this.#keptBytes += bytesOf(prepared);
    for (const oldest of this.#kept.keys()) {
      if (this.#keptBytes <= this.#options.keptBytes || oldest === record.round) break;
      this.#forget(oldest);
    }
  }

  #forget(round: number): void {
    const prepared = this.#kept.get(round);
    if (!prepared) return;
    this.#kept.delete(round);
    this.#keptBytes -= bytesOf(prepared);
  }

  #refused(round: number, refusal: Refusal): JournalError | ClusterError {
    const task = `Cannot append round ${round} to the journal`;
    if (refusal.code !== REFUSALS.full) return this.#options.jetStream.refused(task, refusal);
    const mebibytes = Math.round(this.#options.maxBytes / 2 ** 20);
    return new JournalError(
      `${task}: its stream ${this.#records.name} is full at ${mebibytes} MiB; allow it more, or save checkpoints more often`,
    );
  }
}

function bytesOf({ record, parts }: PreparedRecord): number {
  return record.phi.byteLength + record.metaGradient.byteLength + parts.reduce((sum, { length }) => sum + length, 0);
}

function takenOver(mine: JournalRecord, stored: JournalRecord): JournalError {
  return new JournalError(
    `Cannot append round ${mine.round} under term ${mine.term}: the journal holds round ${stored.round} of term ${stored.term}, so another coordinator has taken over`,
  );
}

function assertSame(mine: JournalRecord, stored: JournalRecord): void {
  if (sameRecord(mine, stored)) return;
  throw new InconsistencyError(
    `Cannot go on: two coordinators made different records of round ${mine.round}, this one under term ${mine.term} and another under term ${stored.term}`,
  );
}
