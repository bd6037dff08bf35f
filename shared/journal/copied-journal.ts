/** A journal on a server with a copy in the run's folder, from which a run goes on if the server has lost its own. */
import type { Journal, JournalRecord } from './journal.js';

export class CopiedJournal implements Journal {
  readonly #journal: Journal;
  readonly #copy: Journal;

  /** @param copy holds the records of the journal, and maybe earlier ones */
  constructor(journal: Journal, copy: Journal) {
    this.#journal = journal;
    this.#copy = copy;
  }

  get first(): number {
    return this.#journal.first;
  }

  get last(): number {
    return this.#journal.last;
  }

  /** The copy comes second: it never holds what the server has not acknowledged. */
  async append(record: JournalRecord): Promise<void> {
    await this.#journal.append(record);
    await this.#copy.append(record);
  }

  read(round: number): Promise<JournalRecord> {
    return this.#journal.read(round);
  }

  phi(round: number): Promise<Float32Array> {
    return this.#journal.phi(round);
  }

  async sync(): Promise<void> {
    await this.#journal.sync();
    await this.#copy.sync();
  }

  /** The copy comes first: what is cut off must not come back from it. */
  async truncate(round: number): Promise<void> {
    await this.#copy.truncate(round);
    await this.#journal.truncate(round);
  }

  async purge(round: number): Promise<void> {
    await this.#journal.purge(round);
    await this.#copy.purge(round);
  }

  async close(): Promise<void> {
    await this.#journal.close();
    await this.#copy.close();
  }
}
