/** evaluation.json: a comparison of φ with hand-designed optimizers, and its settings. */
import type { RunConfig } from '../../shared/config.js';
import { FileError } from '../../shared/errors.js';
import { readFileNamed, writeFileWhole } from '../../shared/files.js';
import type { ComparedOptimizer } from '../comparison.js';

/** What `lopt eval --json` writes. */
export interface EvaluationReport
  extends Pick<
    RunConfig,
    'version' | 'problem' | 'problemOptions' | 'dataHashes' | 'seed' | 'horizon' | 'engine' | 'strict'
  > {
  /** sha256 of the φ file. */
  phi: string;
  /** Fresh functions in the comparison. */
  functions: number;
  /** Functions of the training distribution on which learning rates were tuned. */
  tuneFunctions: number;
  /** The learned one first. */
  optimizers: ComparedOptimizer[];
}

/** Writes a report atomically. */
export function writeEvaluation(path: string, report: EvaluationReport): void {
  writeFileWhole(path, `${JSON.stringify(report, null, 2)}\n`);
}

/** Reads a report that lopt wrote; throws FileError if the file is not one. */
export function readEvaluation(path: string): EvaluationReport {
  let report: unknown;
  try {
    report = JSON.parse(readFileNamed(path, 'the evaluation').toString('utf8'));
  } catch (cause) {
    if (cause instanceof FileError) throw cause;
    throw new FileError(path, `Cannot read the evaluation from ${path}: it must be JSON`, { cause });
  }
  if (!isReport(report)) {
    throw new FileError(
      path,
      `Cannot read the evaluation from ${path}: it must be one that lopt wrote, curves included`,
    );
  }
  return report;
}

/** Whether it has everything that a page needs. */
function isReport(value: unknown): value is EvaluationReport {
  const report = value as Partial<EvaluationReport> | null;
  return (
    typeof report === 'object' &&
    report !== null &&
    typeof report.phi === 'string' &&
    typeof report.problem === 'string' &&
    [report.functions, report.tuneFunctions, report.horizon, report.seed].every(Number.isSafeInteger) &&
    Array.isArray(report.optimizers) &&
    report.optimizers.every(isCompared)
  );
}

function isCompared(value: unknown): boolean {
  const row = value as Partial<ComparedOptimizer> | null;
  return (
    typeof row === 'object' &&
    row !== null &&
    typeof row.name === 'string' &&
    typeof row.divergenceRate === 'number' &&
    isStatistics(row.sum) &&
    isStatistics(row.final) &&
    (row.curve === null || isCurve(row.curve))
  );
}

function isStatistics(value: ComparedOptimizer['sum'] | undefined): boolean {
  return !!value && areNumbersOrNull([value.mean, value.standardError, value.median, value.learningRate]);
}

function isCurve(curve: ComparedOptimizer['curve'] | undefined): boolean {
  if (!curve || !Array.isArray(curve.steps) || !curve.steps.every(Number.isSafeInteger)) return false;
  return [curve.mean, curve.median, curve.lowerQuartile, curve.upperQuartile].every(
    (values) => Array.isArray(values) && values.length === curve.steps.length && areNumbersOrNull(values),
  );
}

function areNumbersOrNull(values: readonly unknown[]): boolean {
  return values.every((value) => value === null || typeof value === 'number');
}
