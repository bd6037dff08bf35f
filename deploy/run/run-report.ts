/** report.html of a run, made from its folder. */
import { existsSync } from 'node:fs';
import type { LearnerState } from '../../coordinator/learner.js';
import { type EvaluationReport, readEvaluation } from '../../coordinator/report/evaluation-report.js';
import { svgFile } from '../../coordinator/report/figure.js';
import { readHistory } from '../../coordinator/report/history.js';
import { learningCurves } from '../../coordinator/report/learning-curves.js';
import { runPage } from '../../coordinator/report/run-page.js';
import { FileError, LoptError } from '../../shared/errors.js';
import { writeFileWhole } from '../../shared/files.js';
import { readPhi } from '../../shared/phi-file.js';
import { command, evaluateCommand, repeatCommands } from './repeat.js';
import type { RunFolder, StoredRun } from './run-folder.js';

/** The run's progress. */
export type ReportedState = Pick<LearnerState, 'round' | 'plannedRounds' | 'fingerprint'>;

/**
 * Writes the run's report.html. If the stored comparison is damaged, calls `onDamaged` with the reason and leaves it
 * out; without `onDamaged`, throws FileError.
 */
export async function writeRunReport(
  folder: RunFolder,
  stored: StoredRun,
  state: ReportedState,
  onDamaged?: (sentence: string) => void,
): Promise<void> {
  const { config, digest } = stored;
  const evaluation = evaluationOf(folder, onDamaged);
  const { engine, strict } = config;
  const page = await runPage({
    config,
    digest,
    history: await readHistory(folder.metrics, config),
    state,
    evaluation,
    phi: existsSync(folder.best) ? readPhi(folder.best).hash : undefined,
    commands: {
      repeat: repeatCommands(stored, state, folder.path, folder.record?.resume),
      compare: compareCommand(folder),
      evaluate: evaluation && evaluateCommand(folder.best, undefined, { engine, strict }, evaluation),
    },
  });
  writeFileWhole(folder.report, page);
}

/** Writes the learning curves of a run's comparison as SVG. Throws LoptError if the run has none. */
export async function writeRunCurves(folder: RunFolder, path: string): Promise<void> {
  const evaluation = evaluationOf(folder);
  if (!evaluation) {
    throw new LoptError(
      `Cannot draw the learning curves of ${folder.path}: it must hold an evaluation; ${compareCommand(folder)} makes one`,
    );
  }
  await writeCurves(evaluation, path);
}

/** Writes the learning curves of an evaluation as SVG. Throws LoptError if it has none. */
export async function writeCurves(evaluation: EvaluationReport, path: string): Promise<void> {
  const curves = learningCurves(evaluation);
  if (!curves) throw new LoptError('Cannot draw the learning curves: some optimizer must have a finite loss');
  writeFileWhole(path, await svgFile(curves.all));
}

function evaluationOf(folder: RunFolder, onDamaged?: (sentence: string) => void): EvaluationReport | undefined {
  try {
    return existsSync(folder.evaluation) ? readEvaluation(folder.evaluation) : undefined;
  } catch (error) {
    if (!onDamaged || !(error instanceof FileError)) throw error;
    onDamaged(`${error.message}; the report is written without it`);
    return undefined;
  }
}

function compareCommand(folder: RunFolder): string {
  return command('lopt train --resume --compare --out', folder.path);
}
