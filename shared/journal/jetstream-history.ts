/** Past φ's, read from the journal's stream by a role that does not write it. */
import { setTimeout as pause } from 'node:timers/promises';
import { JournalError } from '../errors.js';
import type { JetStream } from '../nats/jetstream.js';
import { RecordStream } from '../nats/record-stream.js';
import type { RunSubjects } from '../subjects.js';
import type { JournalRecord, PhiHistory } from './journal.js';

/** What to read, and how long to wait. */
export interface JetStreamHistoryOptions {
  jetStream: JetStream;
  subjects: RunSubjects;
  /** @default 0 */
  member?: number;
  /** Milliseconds to wait for a record: φ_n may arrive before record n − 1 is stored. @default 30 000 */
  waitMs?: number;
}

/** φ's to keep: the shards of one worker ask for the same ones. */
const KEPT = 32;
const AGAIN_MS = 100;
/** Records to read at the same time. */
const AT_ONCE = 4;

export class JetStreamHistory implements PhiHistory {
  readonly #records: RecordStream;
  readonly #waitMs: number;
  readonly #kept = new Map<number, Promise<Float32Array>>();
  readonly #waiting: (() => void)[] = [];
  #reading = 0;

  constructor({ jetStream, subjects, member = 0, waitMs = 30_000 }: JetStreamHistoryOptions) {
    this.#records = new RecordStream(jetStream, subjects, member);
    this.#waitMs = waitMs;
  }

  phi(round: number): Promise<Float32Array> {
    const kept = this.#kept.get(round) ?? this.#read(round);
    this.#kept.delete(round);
    this.#kept.set(round, kept);
    kept.catch(() => this.#kept.delete(round));
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > KEPT) this.#kept.delete(oldest!);
    return kept;
  }

  forget(): void {
    this.#kept.clear();
  }

  /** The newest record; undefined if there is none. */
  async latest(): Promise<JournalRecord | undefined> {
    return (await this.#records.last())?.record;
  }

  async #read(round: number): Promise<Float32Array> {
    const until = performance.now() + this.#waitMs;
    for (;;) {
      const found = await this.#inTurn(() => this.#records.find(round));
      if (found) return found.record.phi;
      const first = await this.#inTurn(() => this.#records.first());
      const purged = first !== undefined && first.record.round > round;
      if (purged || performance.now() >= until) {
        const why = purged ? `its oldest is ${first.record.round}` : 'it is not there';
        throw new JournalError(`Cannot read round ${round} from ${this.#records.name}: ${why}`);
      }
      await pause(AGAIN_MS);
    }
  }

  async #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#reading < AT_ONCE) this.#reading += 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve)); // the read that ends hands on its turn
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#reading -= 1;
    }
  }
}
