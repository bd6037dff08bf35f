/**
 * The records of one member in a JetStream stream. A record is one message of the member's subject. A record that is
 * too large for a message is split: its parts go to a separate subject first, and the record names their sequence
 * numbers, so that it is there as a whole or not at all.
 */
import { decodeFrame, encodeFrame } from '../codec.js';
import { ClusterError, JournalError } from '../errors.js';
import type { JournalRecord } from '../journal/journal.js';
import type { RunSubjects } from '../subjects.js';
import { type JetStream, type MessageQuery, type Outcome, REFUSALS, type StoredMessage } from './jetstream.js';

/** A record, and where it lies. */
export interface StoredRecord {
  sequence: number;
  /** Sequence of its first message: that of its first part, if it is split. */
  firstSequence: number;
  /** Who appended it: random, new for every journal that is opened. */
  writer: string;
  record: JournalRecord;
}

/** The newest record. */
export interface LastRecord extends StoredRecord {
  /** The sequence of the subject's last message, as the server sees it; 0 if it sees none. */
  after: number;
}

/** What a message of the member's subject holds. */
interface Entry {
  writer: string;
  round: number;
  record?: JournalRecord;
  /** Sequence numbers of the parts. */
  parts?: number[];
}

interface StoredEntry {
  sequence: number;
  entry: Entry;
}

/** A record and its parts, ready to be appended. */
export interface PreparedRecord {
  record: JournalRecord;
  writer: string;
  parts: Uint8Array[];
}

/** Parts to send or read at the same time. */
const PARTS_AT_ONCE = 8;

export class RecordStream {
  readonly name: string;
  readonly #jetStream: JetStream;
  readonly #subject: string;
  readonly #partsSubject: string;
  /** Sequence numbers by round, as far as they are known. */
  readonly #sequences = new Map<number, number>();
  #lastRead = -1;

  constructor(jetStream: JetStream, subjects: RunSubjects, member: number) {
    this.#jetStream = jetStream;
    this.name = subjects.journalStream;
    this.#subject = subjects.journal(member);
    this.#partsSubject = subjects.journalParts(member);
  }

  /** The newest record, as the stream's leader knows it; undefined if there is none. */
  async last(): Promise<LastRecord | undefined> {
    const found = await this.#lastEntry();
    return found && { ...(await this.#whole(found)), after: found.after };
  }

  /** The oldest record; undefined if there is none. */
  async first(): Promise<StoredRecord | undefined> {
    const found = await this.#atOrAfter(0);
    return found && this.#whole(found);
  }

  /** The record that follows another one in the stream; undefined if there is none. */
  async after({ sequence }: StoredRecord): Promise<StoredRecord | undefined> {
    const found = await this.#atOrAfter(sequence + 1);
    return found && this.#whole(found);
  }

  /** The record of a round; undefined if it is not there (yet). */
  async find(round: number): Promise<StoredRecord | undefined> {
    const known = await this.#findKnown(round);
    const found = known ?? (await this.#search(round));
    return found && this.#whole(found);
  }

  /** Remembers where a record was appended. */
  remember(round: number, sequence: number): void {
    this.#sequences.set(round, sequence);
  }

  /** Forgets where the records from a round on are. */
  forgetFrom(round: number): void {
    for (const known of this.#sequences.keys()) if (known >= round) this.#sequences.delete(known);
  }

  /** Prepares a record to be appended: split if it is larger than half of what the server takes in one message. */
  prepare(record: JournalRecord, writer: string): PreparedRecord {
    const bytes = encodeFrame({ writer, round: record.round, record } satisfies Entry);
    const most = Math.floor(this.#jetStream.link.control.maxPayload / 2);
    const count = bytes.length <= most ? 0 : Math.ceil(bytes.length / most);
    const parts = Array.from({ length: count }, (_, index) => bytes.subarray(index * most, (index + 1) * most));
    return { record, writer, parts };
  }

  /**
   * Appends a record if the member's last one has sequence `after` (0: if it has none), and resolves to its sequence.
   * All tries of one append have the same `id`, and no other append has it: a try that succeeded unnoticed succeeds
   * again.
   */
  async append({ record, writer, parts }: PreparedRecord, after: number, id: string): Promise<Outcome<number>> {
    const { round } = record;
    const stored: number[] = [];
    for (let at = 0; at < parts.length; at += PARTS_AT_ONCE) {
      const outcomes = await Promise.all(
        parts.slice(at, at + PARTS_AT_ONCE).map((part, i) =>
          this.#jetStream.attempt(async ({ client }) => {
            const msgID = `${id}.${at + i}`;
            return (await client.publish(this.#partsSubject, part, { msgID, expect: { streamName: this.name } })).seq;
          }),
        ),
      );
      for (const outcome of outcomes) {
        if (!('answer' in outcome)) return outcome;
        stored.push(outcome.answer);
      }
    }
    const entry: Entry = { writer, round, ...(parts.length === 0 ? { record } : { parts: stored }) };
    const bytes = encodeFrame(entry);
    return this.#jetStream.attempt(async ({ client }) => {
      const expect = { streamName: this.name, lastSubjectSequence: after };
      return (await client.publish(this.#subject, bytes, { msgID: id, expect })).seq;
    });
  }

  /**
   * Drops the records after this one, the newest first. They are erased, not just marked: a server of version 2.9 that
   * is killed forgets its marks, and the records would be back.
   */
  async dropAfter({ sequence, record }: StoredRecord): Promise<void> {
    const dropped: number[][] = [];
    for (let next = sequence + 1; ; ) {
      const found = await this.#atOrAfter(next);
      if (!found) break;
      // the record before its parts: parts without a record do no harm, and go with a later purge
      dropped.push([found.sequence, ...(found.entry.parts ?? [])]);
      next = found.sequence + 1;
    }
    for (const sequences of dropped.reverse()) for (const each of sequences) await this.#erase(each);
    this.forgetFrom(record.round + 1);
  }

  async #erase(sequence: number): Promise<void> {
    const task = `Cannot cut ${this.name} back`;
    const outcome = await this.#jetStream.ask(task, ({ manager }) =>
      manager.streams.deleteMessage(this.name, sequence, true),
    );
    if ('answer' in outcome) return;
    // also refused if an earlier try succeeded unnoticed
    if (await this.#message({ seq: sequence })) throw this.#jetStream.refused(task, outcome.refusal);
  }

  /** Drops the messages before a record. */
  async purgeBefore({ sequence, firstSequence, record }: StoredRecord): Promise<void> {
    const task = `Cannot purge ${this.name}`;
    for (const [filter, seq] of [
      [this.#subject, sequence],
      [this.#partsSubject, firstSequence],
    ] as const) {
      await this.#jetStream.demand(task, ({ manager }) => manager.streams.purge(this.name, { filter, seq }));
    }
    for (const round of this.#sequences.keys()) if (round < record.round) this.#sequences.delete(round);
  }

  /** Looks where the record is known to be, or would be if only records of this member followed one that is known. */
  async #findKnown(round: number): Promise<StoredEntry | undefined> {
    const near = this.#sequences.has(round) ? round : this.#sequences.has(round - 1) ? round - 1 : this.#lastRead;
    const sequence = this.#sequences.get(near);
    const found = sequence === undefined ? undefined : await this.#atOrAfter(sequence + round - near);
    // a stream that lost its end to a power failure may hold another record there now
    return found?.entry.round === round ? found : undefined;
  }

  /** Bisects the stream: rounds increase with the sequence. */
  async #search(round: number): Promise<StoredEntry | undefined> {
    const last = await this.#lastEntry();
    if (!last || last.entry.round <= round) return last?.entry.round === round ? last : undefined;
    let low = 0;
    let high = last.sequence;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const found = await this.#atOrAfter(middle);
      if (!found) return undefined;
      if (found.entry.round === round) return found;
      if (found.entry.round > round) high = middle;
      else low = found.sequence + 1;
    }
    return undefined;
  }

  /**
   * The member's last message. A server of version 2.9 whose last message of a subject was deleted says that there is
   * none, and expects an append to say so too, until there is a new one: the messages before it must be searched for.
   */
  async #lastEntry(): Promise<(StoredEntry & { after: number }) | undefined> {
    const found = await this.#read({ last_by_subj: this.#subject });
    if (found) return { ...found, after: found.sequence };
    let last = await this.#atOrAfter(0);
    if (!last) return undefined;
    let step = 1;
    for (let next = await this.#atOrAfter(last.sequence + step); next; step *= 2) {
      last = next;
      next = await this.#atOrAfter(last.sequence + step);
    }
    // the last one is less than a step away
    while (step > 1) {
      step = Math.ceil(step / 2);
      for (let next = await this.#atOrAfter(last.sequence + step); next; ) {
        last = next;
        next = await this.#atOrAfter(last.sequence + step);
      }
    }
    return { ...last, after: 0 };
  }

  /** The member's first message of this sequence or later. */
  #atOrAfter(sequence: number): Promise<StoredEntry | undefined> {
    return this.#read({ seq: Math.max(1, sequence), next_by_subj: this.#subject });
  }

  async #read(query: MessageQuery): Promise<StoredEntry | undefined> {
    const found = await this.#message(query);
    if (!found) return undefined;
    const entry = decodeFrame(Buffer.from(found.data))?.value as Entry | undefined;
    if (!entry)
      throw new JournalError(`Cannot read message ${found.sequence} of ${this.name}: it is not a journal record`);
    this.#sequences.set(entry.round, found.sequence);
    this.#lastRead = entry.round;
    return { sequence: found.sequence, entry };
  }

  async #message(query: MessageQuery): Promise<StoredMessage | undefined> {
    const task = `Cannot read from ${this.name}`;
    const outcome = await this.#jetStream.read(task, this.name, query);
    if ('answer' in outcome) return outcome.answer;
    const { refusal } = outcome;
    if (refusal.code !== REFUSALS.noStream) throw this.#jetStream.refused(task, refusal);
    throw new ClusterError(`${task}: NATS at ${this.#jetStream.link.servers} holds no such stream`);
  }

  async #whole({ sequence, entry }: StoredEntry): Promise<StoredRecord> {
    const { writer, round, record, parts = [] } = entry;
    if (record) return { sequence, firstSequence: sequence, writer, record };
    const bytes: Uint8Array[] = [];
    for (let at = 0; at < parts.length; at += PARTS_AT_ONCE) {
      const some = parts.slice(at, at + PARTS_AT_ONCE);
      for (const part of await Promise.all(some.map((seq) => this.#message({ seq })))) {
        if (part) bytes.push(part.data);
      }
    }
    const whole = (decodeFrame(Buffer.concat(bytes))?.value as Entry | undefined)?.record;
    if (!whole)
      throw new JournalError(`Cannot read round ${round} from ${this.name}: parts of it are missing or damaged`);
    return { sequence, firstSequence: parts[0] ?? sequence, writer, record: whole };
  }
}
