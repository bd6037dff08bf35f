/** metrics.jsonl: one line per round and one per evaluation. */
import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import type { Aside } from '../../shared/aside.js';
import { GrowingFile } from '../../shared/files.js';
import { cutBack, type StoredRow } from './cut-back.js';
import type { EvaluationRow, Kept, ReportFile, RoundRow } from './report.js';

const NEWLINE = 0x0a;

export class MetricsFile implements ReportFile {
  readonly #path: string;
  #file: GrowingFile | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  open(round: number, _term: number, aside?: Aside): Kept {
    const onCut = (rows: Buffer) => aside?.append(basename(this.#path), rows);
    const kept = cutBack(this.#path, { round, rowsOf: linesOf, onCut });
    this.#file = new GrowingFile(this.#path);
    return kept;
  }

  round(row: RoundRow): void {
    this.#append(row);
  }

  evaluation(row: EvaluationRow): void {
    this.#append(row);
  }

  close(): void {
    this.#file?.close();
  }

  #append(row: RoundRow | EvaluationRow): void {
    this.#file!.append(Buffer.from(`${JSON.stringify(row)}\n`));
  }
}

/** The bytes at the end of a file that surely hold a line of a round. */
const TAIL_BYTES = 64 * 2 ** 10;

/** The last round that stands whole in a metrics file; 0 if there is none. Looks at the end of the file alone. */
export function lastRoundIn(path: string): number {
  if (!existsSync(path)) return 0;
  let last = 0;
  for (const { round } of linesOf(tailOf(path))) last = Math.max(last, round ?? 0);
  return last;
}

function tailOf(path: string): Buffer {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    const bytes = Buffer.alloc(Math.min(size, TAIL_BYTES));
    const read = readSync(file, bytes, 0, bytes.length, size - bytes.length);
    return bytes.subarray(0, read);
  } finally {
    closeSync(file);
  }
}

/** The lines of the file, except torn ones. */
function* linesOf(bytes: Buffer): Generator<StoredRow> {
  for (let start = 0, end: number; ; start = end) {
    end = bytes.indexOf(NEWLINE, start) + 1;
    if (end === 0) return;
    let row: { round?: number; evaluation?: number } | null;
    try {
      row = JSON.parse(bytes.toString('utf8', start, end)) as typeof row;
    } catch {
      continue;
    }
    yield { start, end, round: row?.round, evaluation: row?.evaluation };
  }
}
