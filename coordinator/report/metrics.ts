/** metrics.jsonl: a line a round, and a line an evaluation. */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { FileError, messageOf } from '../../shared/errors.js';
import { writeFileWhole } from '../../shared/files.js';
import type { JournalRecord } from '../../shared/journal/journal.js';
import type { RoundMeasures, RunObserver } from '../coordinator.js';
import type { Scores } from '../evaluation.js';

const FLUSH_AT = 64 * 1024;

/** Appends to the metrics of a run; lines wait in memory until there are enough of them, or `flush`. */
export class MetricsFile implements RunObserver {
  readonly #path: string;
  #waiting: string[] = [];
  #length = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** Cuts off what a run wrote beyond the round that it goes on from. */
  started(round: number): void {
    if (!existsSync(this.#path)) return;
    const lines = readFileSync(this.#path, 'utf8').split('\n');
    const kept = lines.filter((line) => line !== '' && roundOf(line) <= round);
    writeFileWhole(this.#path, kept.map((line) => `${line}\n`).join(''));
  }

  round(record: JournalRecord, { gradientNorm, seconds, workers, replayed }: RoundMeasures): void {
    const { round, healthy, problems, loss, finalLoss, learningRate, skipped } = record;
    const mean = (value: number) => (healthy > 0 ? value / healthy : null);
    this.#add({
      round,
      metaLoss: mean(loss),
      finalLoss: mean(finalLoss),
      healthy,
      problems,
      learningRate,
      gradientNorm,
      skipped,
      seconds,
      workers,
      replayed,
    });
  }

  evaluated(evaluation: number, { sum, final, divergenceRate }: Scores): void {
    this.#add({ evaluation, sum, final, divergenceRate });
  }

  saved(): void {
    this.flush();
  }

  /** Writes what waits. */
  flush(): void {
    if (this.#waiting.length === 0) return;
    try {
      appendFileSync(this.#path, this.#waiting.join(''));
    } catch (cause) {
      throw new FileError(this.#path, `Cannot write ${this.#path}: ${messageOf(cause)}`, { cause });
    }
    this.#waiting = [];
    this.#length = 0;
  }

  #add(line: object): void {
    const text = `${JSON.stringify(line)}\n`;
    this.#waiting.push(text);
    this.#length += text.length;
    if (this.#length >= FLUSH_AT) this.flush();
  }
}

/** The round of a line; infinite for a line that is torn. */
function roundOf(line: string): number {
  try {
    const { round, evaluation } = JSON.parse(line) as { round?: number; evaluation?: number };
    return round ?? evaluation ?? Number.POSITIVE_INFINITY;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
