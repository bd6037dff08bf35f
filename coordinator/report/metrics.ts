/** metrics.jsonl: one line per round and one per evaluation. */
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

  open(round: number): Kept {
    const kept = cutBack(this.#path, round, linesOf);
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
