/**
 * The trial log as a sweep writes it. A sweep that is resumed goes through all of it again from the beginning: what it
 * writes is held against the lines that are there, and reports are taken from them, until it comes to their end.
 */
import { isDeepStrictEqual } from 'node:util';
import { show } from '../../../shared/check.js';
import { FileError } from '../../../shared/errors.js';
import { LogFile, readLog, type StoredLine } from './log-file.js';
import { ATTRIBUTE, type Line, OPERATION, WRITER, withoutTime } from './operations.js';

/** What a line says that a trial reported. */
export interface StoredReport {
  trial: number;
  round: number;
  /** Null where it had no finite value. */
  value: number | null;
  why?: string;
}

export class Ledger {
  readonly path: string;
  /** Bytes of a torn last line, which are cut off when the next one is written. */
  readonly cut: number;
  readonly #file: LogFile;
  readonly #stored: readonly StoredLine[];
  #next = 0;

  /** Opens the log; a missing one is begun. Throws FileError where it is damaged. */
  constructor(path: string) {
    const log = readLog(path);
    this.path = path;
    this.cut = log.torn;
    this.#stored = log.lines;
    this.#file = new LogFile(path, log);
  }

  /** Of which file, and by which version of lopt, the log was begun; null where it is new or was cut before it says so. */
  get origin(): { digest: string; version: string } | null {
    for (const { content } of this.#stored) {
      const sweep = (content['system_attr'] as Record<string, Record<string, unknown> | undefined> | undefined)?.[
        ATTRIBUTE.sweep
      ];
      if (sweep) return { digest: String(sweep['digest']), version: String(sweep['version']) };
    }
    return null;
  }

  /** Whether what comes next is there already. */
  get replaying(): boolean {
    return this.#next < this.#stored.length;
  }

  /** Writes a line, or finds it where it was written. Throws FileError where another one stands there. */
  write(line: Line): void {
    const full = { ...line, worker_id: WRITER };
    const stored = this.#stored[this.#next];
    if (!stored) {
      this.#file.append(full);
      return;
    }
    // undefined values are not written
    const expected = withoutTime(JSON.parse(JSON.stringify(full)) as Record<string, unknown>);
    const found = withoutTime(stored.content);
    const names = Object.keys({ ...expected, ...found });
    const other = names.find((name) => !isDeepStrictEqual(found[name], expected[name]));
    if (other !== undefined) {
      throw this.#mismatch(stored, `a line with the ${other} ${show(expected[other])}`, show(found[other]));
    }
    this.#next += 1;
  }

  /** The report that was written next, for which `write` is still to come. Throws FileError where another line stands there. */
  peekReport(): StoredReport {
    const stored = this.#stored[this.#next]!;
    const { content } = stored;
    const [trial, round, value] = [content['trial_id'], content['step'], content['intermediate_value']];
    if (content['op_code'] === OPERATION.setTrialIntermediateValue && isCount(trial) && isCount(round)) {
      if (typeof value === 'number') return { trial, round, value };
    }
    const none = (
      content['system_attr'] as Record<string, { round?: unknown; why?: unknown } | undefined> | undefined
    )?.[ATTRIBUTE.noValue];
    if (none && isCount(trial) && isCount(none.round)) {
      return { trial, round: none.round, value: null, ...(typeof none.why === 'string' ? { why: none.why } : {}) };
    }
    throw this.#mismatch(stored, 'the report of a trial');
  }

  /** Nothing more is to come. Throws FileError where there are more lines. */
  end(): void {
    const stored = this.#stored[this.#next];
    if (stored) throw this.#mismatch(stored, 'nothing');
  }

  /** Idempotent. */
  close(): void {
    this.#file.close();
  }

  #mismatch({ number, content }: StoredLine, expected: string, found = show(withoutTime(content))): FileError {
    return new FileError(
      this.path,
      `Cannot resume the sweep: line ${number} of ${this.path} must be ${expected}, got ${found}`,
    );
  }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
