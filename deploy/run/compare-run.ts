/** Compares a run's φ with hand-designed optimizers. */
import type { ComparedOptimizer } from '../../coordinator/comparison.js';
import { tableOf, verdictOf } from '../../coordinator/report/comparison-table.js';
import { type EvaluationReport, writeEvaluation } from '../../coordinator/report/evaluation-report.js';
import type { RunConfig } from '../../shared/config.js';
import { type PhiFile, readPhi } from '../../shared/phi-file.js';
import { typicalHorizon } from '../../shared/timeline.js';
import { Pool } from '../../worker/pool.js';
import type { Problems } from '../../worker/problems/problem.js';
import { compareOnPool } from './compare.js';
import type { RunFolder } from './run-folder.js';
import type { Configured } from './train-flags.js';

/** Compares the run's best φ with hand-designed optimizers and stores the report in its folder. */
export async function compareRun(folder: RunFolder, configured: Configured, threads: number): Promise<void> {
  const pool = new Pool(threads);
  try {
    const report = await compareAndPrint({ ...configured, phiFile: readPhi(folder.best), pool });
    writeEvaluation(folder.evaluation, report);
  } finally {
    await pool.close();
  }
}

/** What to compare. */
interface ComparisonRequest {
  config: RunConfig;
  problems: Problems;
  phiFile: PhiFile;
  pool: Pool;
  functions?: number | undefined;
  tuneFunctions?: number | undefined;
}

/** Makes the comparison and prints the table with its verdict. */
export async function compareAndPrint(request: ComparisonRequest): Promise<EvaluationReport> {
  const { config, problems, phiFile, pool } = request;
  const { version, problem, problemOptions, dataHashes, seed, engine, strict } = config;
  const horizon = typicalHorizon(config);
  // enough functions for about a minute, whether they have 10 parameters or 16 000
  const small = problems.coordinates <= 1000;
  const { functions = small ? 10_000 : 200, tuneFunctions = small ? 1000 : 32 } = request;
  process.stdout.write(
    `Comparing on ${functions} fresh functions of ${problem}, ${horizon} steps; learning rates tuned on ${tuneFunctions} others.\n`,
  );
  const onRow = process.stdout.isTTY
    ? (row: ComparedOptimizer) => process.stdout.write(`\r\x1b[2K${row.name}`)
    : undefined;
  const chunk = small ? 64 : 1;
  const rows = await compareOnPool({
    config,
    phi: phiFile.phi,
    pool,
    functions,
    tuneFunctions,
    chunk,
    seed,
    ...(onRow ? { onRow } : {}),
  });
  process.stdout.write(`${process.stdout.isTTY ? '\r\x1b[2K' : ''}\n${tableOf(rows)}\n\n${verdictOf(rows)}\n`);
  return {
    version,
    phi: phiFile.hash,
    problem,
    problemOptions,
    dataHashes,
    seed,
    horizon,
    functions,
    tuneFunctions,
    engine,
    strict,
    optimizers: rows,
  };
}
