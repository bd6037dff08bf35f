/** The trial log as an append-only file. */
import { existsSync, truncateSync } from 'node:fs';
import { FileError, messageOf } from '../../../shared/errors.js';
import { GrowingFile, readFileNamed } from '../../../shared/files.js';
import { OPERATION, WRITER } from './operations.js';

const NEWLINE = 0x0a;

/** A line that lopt wrote. */
export interface StoredLine {
  /** From 1. */
  number: number;
  content: Readonly<Record<string, unknown>>;
}

// operations that other programs may add: none changes what lopt reads
const FOREIGN: readonly unknown[] = [
  OPERATION.setStudyUserAttribute,
  OPERATION.setStudySystemAttribute,
  OPERATION.setTrialUserAttribute,
  OPERATION.setTrialSystemAttribute,
];

/** What a trial log holds. */
export interface StoredLog {
  /** Lines of lopt. */
  lines: readonly StoredLine[];
  /** Bytes of complete lines. */
  length: number;
  /** Bytes after the last complete line: of a line that was not fully written. */
  torn: number;
}

/** Reads a trial log; no lines if there is no file. Throws FileError if a complete line is damaged. */
export function readLog(path: string): StoredLog {
  if (!existsSync(path)) return { lines: [], length: 0, torn: 0 };
  const bytes = readFileNamed(path, 'the trial log');
  const lines: StoredLine[] = [];
  let start = 0;
  for (let number = 1; ; number++) {
    const end = bytes.indexOf(NEWLINE, start);
    if (end < 0) break;
    const content = parseLine(path, number, bytes.toString('utf8', start, end));
    if (content['worker_id'] === WRITER) lines.push({ number, content });
    else if (!FOREIGN.includes(content['op_code'])) {
      throw damaged(path, number, 'another program has changed a trial or study there');
    }
    start = end + 1;
  }
  return { lines, length: start, torn: bytes.length - start };
}

function parseLine(path: string, number: number, text: string): Record<string, unknown> {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw damaged(path, number, messageOf(error));
  }
  if (typeof content === 'object' && content !== null && 'op_code' in content)
    return content as Record<string, unknown>;
  throw damaged(path, number, 'it must be an object with an "op_code"');
}

/** The error for an invalid line. */
export function damaged(path: string, number: number, why: string): FileError {
  return new FileError(path, `Cannot read the trial log ${path}, line ${number}: ${why}`);
}

/** Appends each line with a single write, so that a killed process leaves at most one torn line, the last. */
export class LogFile {
  readonly path: string;
  readonly #stored: Pick<StoredLog, 'torn' | 'length'>;
  #file: GrowingFile | undefined;

  constructor(path: string, stored: Pick<StoredLog, 'torn' | 'length'>) {
    this.path = path;
    this.#stored = stored;
  }

  /** Appends a line. The first call cuts off a torn tail; a log that is only read stays as it is. */
  append(line: Readonly<Record<string, unknown>>): void {
    if (!this.#file) {
      const { torn, length } = this.#stored;
      if (torn > 0) truncateSync(this.path, length);
      this.#file = new GrowingFile(this.path);
    }
    this.#file.append(Buffer.from(`${JSON.stringify(line)}\n`));
  }

  /** Idempotent. */
  close(): void {
    this.#file?.close();
  }
}
