/** Holds a run's φ against hand-designed optimizers, and keeps the figures in its folder. */
import { writeFileWhole } from '../shared/files.js';
import { readPhi } from '../shared/phi-file.js';
import { Pool } from '../worker/pool.js';
import { compareAndPrint, jsonOf } from './commands/eval.js';
import type { RunFolder } from './run-folder.js';
import type { Configured } from './train-flags.js';

/** Compares the run's best φ with hand-designed optimizers, and keeps the figures in its folder. */
export async function compareRun(folder: RunFolder, configured: Configured, threads: number): Promise<void> {
  const pool = new Pool(threads);
  try {
    const report = await compareAndPrint({ ...configured, phiFile: readPhi(folder.best), pool });
    writeFileWhole(folder.evaluation, jsonOf(report));
  } finally {
    await pool.close();
  }
}
