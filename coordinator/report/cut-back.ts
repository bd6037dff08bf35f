/** Truncates a report file to the round that a run resumes from. */
import { existsSync } from 'node:fs';
import { readFileNamed, writeFileWhole } from '../../shared/files.js';
import type { Kept } from './report.js';

/** A stretch of a report file's bytes. */
export interface StoredRow {
  start: number;
  end: number;
  /** What the row describes; both undefined for the head of a file. */
  round?: number | undefined;
  evaluation?: number | undefined;
}

/** Where to cut a file back, and what its rows are. */
export interface CutBackOptions {
  round: number;
  rowsOf: (bytes: Buffer) => Iterable<StoredRow>;
  /**
   * Called with the rows that are about to be dropped. Not if they are of the next round alone, which is told before the
   * journal has it: it is computed again.
   */
  onCut?: (rows: Buffer) => void;
}

/**
 * Drops the rows after `round`, and bytes that `rowsOf` does not yield, such as a torn last row. Returns what is kept.
 * A missing file counts as empty.
 */
export function cutBack(path: string, { round, rowsOf, onCut }: CutBackOptions): Kept {
  const evaluations = new Set<number>();
  let lastRound = 0;
  if (!existsSync(path)) return { lastRound, evaluations };
  const bytes = readFileNamed(path, 'the rows of a report');
  const kept: Buffer[] = [];
  const cut: Buffer[] = [];
  let last = 0;
  let length = 0;
  for (const row of rowsOf(bytes)) {
    const at = row.round ?? row.evaluation ?? 0;
    last = Math.max(last, at);
    if (at > round) {
      cut.push(bytes.subarray(row.start, row.end));
      continue;
    }
    if (row.round !== undefined) lastRound = row.round;
    if (row.evaluation !== undefined) evaluations.add(row.evaluation);
    kept.push(bytes.subarray(row.start, row.end));
    length += row.end - row.start;
  }
  if (last > round + 1) onCut?.(Buffer.concat(cut));
  if (length < bytes.length) writeFileWhole(path, Buffer.concat(kept));
  return { lastRound, evaluations };
}
