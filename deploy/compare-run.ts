/** Holds a run's φ against hand-designed optimizers, and keeps the figures in its folder. */
import { writeEvaluation } from '../coordinator/report/evaluation-report.js';
import { readPhi } from '../shared/phi-file.js';
import { Pool } from '../worker/pool.js';
import { compareAndPrint } from './commands/eval.js';
import type { RunFolder } from './run-folder.js';
import type { Configured } from './train-flags.js';

/** Compares the run's best φ with hand-designed optimizers, and keeps the figures in its folder. */
export async function compareRun(folder: RunFolder, configured: Configured, threads: number): Promise<void> {
  const pool = new Pool(threads);
  try {
    const report = await compareAndPrint({ ...configured, phiFile: readPhi(folder.best), pool });
    writeEvaluation(folder.evaluation, report);
  } finally {
    await pool.close();
  }
}
