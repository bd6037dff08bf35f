/** What the runs of the chaos schedules must come to: the embedded run of the same configuration, which nothing disturbs. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunObserver } from '../../coordinator/observer.js';
import { observeAll } from '../../deploy/run/progress.js';
import { reportInto, smallRun, trainConfig } from '../e2e/harness.js';
import { CHAOS_FLAGS } from './stage.js';

export interface Undisturbed {
  /** sha256 of last.safetensors. */
  hash: string;
  /** Its rows of metrics.jsonl, as `rowsOf` gives them. */
  rows: readonly string[];
}

/** Trains so many shards for so many rounds in this process, into an empty folder; stops after round `last`. */
export async function trainUndisturbed(
  folder: string,
  shards: number,
  rounds: number,
  last = rounds,
): Promise<Undisturbed> {
  const { config } = await smallRun({ ...CHAOS_FLAGS, shards });
  const report = reportInto(folder, config);
  const stop = new AbortController();
  const stopper: RunObserver = {
    round({ round }) {
      // the next one is under way
      if (round === last - 1) stop.abort();
    },
  };
  const observer = observeAll(report, ...(last < rounds ? [stopper] : []));
  const hash = await trainConfig(folder, config, { threads: 1, goal: { rounds }, observer, signal: stop.signal });
  report.close();
  return { hash, rows: rowsOf(folder) };
}

/** The rounds of a metrics.jsonl, without what depends on time and on who computed. */
export function rowsOf(folder: string): string[] {
  const lines = readFileSync(join(folder, 'metrics.jsonl'), 'utf8').split('\n').slice(0, -1);
  return lines.flatMap((line) => {
    const { seconds, workers, replayed, ...row } = JSON.parse(line) as Record<string, unknown>;
    return row['round'] === undefined ? [] : JSON.stringify(row);
  });
}
