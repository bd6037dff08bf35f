/**
 * The trial log as a sweep writes it. A resumed sweep starts over: until the stored lines end, it takes reports from them
 * and compares with them what it writes.
 */
import { isDeepStrictEqual } from 'node:util';
import { show } from '../../../shared/check.js';
import { FileError } from '../../../shared/errors.js';
import { LogFile, readLog, type StoredLine } from './log-file.js';
import { ATTRIBUTE, type Line, OPERATION, WRITER, withoutTime } from './operations.js';

/** A report of a trial, read from a line. */
export interface StoredReport {
  trial: number;
  round: number;
  /** Null if it had no finite value. */
  value: number | null;
  why?: string;
}

export class Ledger {
  readonly path: string;
  /** Bytes of a torn last line, which are cut off before the next line is written. */
  readonly cut: number;
  readonly #file: LogFile;
  readonly #stored: readonly StoredLine[];
  #next = 0;

  /** Opens or begins the log. Throws FileError if it is damaged. */
  constructor(path: string) {
    const log = readLog(path);
    this.path = path;
    this.cut = log.torn;
    this.#stored = log.lines;
    this.#file = new LogFile(path, log);
  }

  /** The sweep file's digest and lopt's version; null if the log is new or was cut before it says so. */
  get origin(): { digest: string; version: string } | null {
    for (const { content } of this.#stored) {
      const sweep = (content['system_attr'] as Record<string, Record<string, unknown> | undefined> | undefined)?.[
        ATTRIBUTE.sweep
      ];
      if (sweep) return { digest: String(sweep['digest']), version: String(sweep['version']) };
    }
    return null;
  }

  /** Whether the next line is stored already. */
  get replaying(): boolean {
    return this.#next < this.#stored.length;
  }

  /** Writes a line or, when replaying, checks it against the stored one. Throws FileError if they differ. */
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

  /** The next stored report, which is yet to be written. Throws FileError if the next line is not a report. */
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

  /** Ends the log. Throws FileError if there are more lines. */
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
