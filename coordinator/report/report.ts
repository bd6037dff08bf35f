/** A run's reports: one row per round and held-out evaluation in every file, however often the run is killed. */
import type { Aside } from '../../shared/aside.js';
import type { JournalRecord } from '../../shared/journal/journal.js';
import type { Scores } from '../evaluation.js';
import type { RoundMeasures, RunObserver } from '../observer.js';

/** A round. */
export interface RoundRow {
  round: number;
  /** Means of the window's loss and of f(θ_K) over the healthy problems; null if no problem was healthy. */
  metaLoss: number | null;
  finalLoss: number | null;
  healthy: number;
  problems: number;
  learningRate: number;
  /** Norm of the meta-gradient: of the average, before it is clipped. The name in the files is older than the word. */
  gradientNorm: number;
  skipped: boolean;
  /** From φ's broadcast to the complete sum. This and the following are null if the row was made from the journal. */
  seconds: number | null;
  workers: number | null;
  /** Windows that were computed again because a thread or worker was lost. */
  replayed: number | null;
}

/** The held-out evaluation of φ_n. */
export interface EvaluationRow extends Scores {
  /** n. */
  evaluation: number;
  /** T. */
  horizon?: number;
}

/** The rows that a report file already holds. */
export interface Kept {
  /** 0 if there is none. */
  lastRound: number;
  evaluations: ReadonlySet<number>;
}

/** One or more files in a run's folder to which rows are appended. */
export interface ReportFile {
  /**
   * Prepares for a run that resumes after `round` under `term`: drops later rows, which `aside` takes, and returns those that
   * remain.
   */
  open(round: number, term: number, aside?: Aside): Kept;
  round(row: RoundRow): void;
  /** @param phi φ_n, [phiLength] */
  evaluation(row: EvaluationRow, phi: Float32Array): void;
  /** Idempotent. */
  close(): void;
}

/** Writes the rows of a run to its report files. Rows are written at once, so a file lacks at most the last ones. */
export class RunReport implements RunObserver {
  readonly #files: readonly { file: ReportFile; evaluations: Set<number> }[];
  readonly #aside: Aside | undefined;
  #recovered: RoundRow[] = [];

  /** @param aside takes the rows that are cut off the files */
  constructor(files: readonly ReportFile[], aside?: Aside) {
    this.#files = files.map((file) => ({ file, evaluations: new Set() }));
    this.#aside = aside;
  }

  recovered(record: JournalRecord, metaGradientNorm: number): void {
    this.#recovered.push(rowOf(record, metaGradientNorm));
  }

  started(round: number, term: number): void {
    for (const { file, evaluations } of this.#files) {
      const kept = file.open(round, term, this.#aside);
      for (const evaluation of kept.evaluations) evaluations.add(evaluation);
      // a round is journalled before its row is written, so a kill in between loses the row
      for (const row of this.#recovered) if (row.round > kept.lastRound) file.round(row);
    }
    this.#recovered = [];
  }

  round(record: JournalRecord, { metaGradientNorm, ...measures }: RoundMeasures): void {
    const row = rowOf(record, metaGradientNorm, measures);
    for (const { file } of this.#files) file.round(row);
  }

  evaluated(evaluation: number, scores: Scores, phi: Float32Array, horizon?: number): void {
    for (const { file, evaluations } of this.#files) {
      // a score is journalled after its row is written, so after a kill in between φ is evaluated again
      if (evaluations.has(evaluation)) continue;
      evaluations.add(evaluation);
      file.evaluation({ evaluation, ...(horizon !== undefined && { horizon }), ...scores }, phi);
    }
  }

  /** Idempotent. */
  close(): void {
    for (const { file } of this.#files) file.close();
  }
}

function rowOf(
  { round, healthy, problems, loss, finalLoss, learningRate, skipped }: JournalRecord,
  metaGradientNorm: number,
  measures?: Omit<RoundMeasures, 'metaGradientNorm'>,
): RoundRow {
  const mean = (sum: number) => (healthy > 0 ? sum / healthy : null);
  return {
    round,
    metaLoss: mean(loss),
    finalLoss: mean(finalLoss),
    healthy,
    problems,
    learningRate,
    gradientNorm: metaGradientNorm,
    skipped,
    seconds: measures?.seconds ?? null,
    workers: measures?.workers ?? null,
    replayed: measures?.replayed ?? null,
  };
}
