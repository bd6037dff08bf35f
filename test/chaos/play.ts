/** Plays a schedule to its end. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { perform } from './faults.js';
import { lineOf, type Schedule } from './schedule.js';
import { Stage } from './stage.js';
import type { Undisturbed } from './undisturbed.js';
import { verify } from './verify.js';

/** A run that has not ended by then never will. */
const LIMIT_MS = 180_000;

/**
 * Plays a schedule, and resolves when the run has ended as the undisturbed one. Rejects, with the schedule in the message
 * and the logs of all processes kept, where it has not. No process is left in either case.
 */
export async function play(schedule: Schedule, expected: Undisturbed): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'lopt-chaos-'));
  try {
    await playIn(schedule, expected, folder);
  } catch (cause) {
    throw new Error(`${(cause as Error).message}\nfrom ${lineOf(schedule)}\nlogs in ${folder}`, { cause });
  }
  rmSync(folder, { recursive: true });
}

async function playIn(schedule: Schedule, expected: Undisturbed, folder: string): Promise<void> {
  const stage = await Stage.open(schedule, folder);
  const limit = setTimeout(() => stage.fail(`the run has not ended after ${LIMIT_MS / 1000} s`), LIMIT_MS);
  const performed: Promise<void>[] = [];
  try {
    for (const fault of schedule.faults) {
      await stage.until(() => stage.round >= fault.round);
      const done = perform(stage, fault);
      // what goes wrong here ends the waiting elsewhere
      done.catch((error: Error) => stage.fail(`${fault.kind}: ${error.message}`));
      performed.push(done);
    }
    await Promise.all(performed);
    await stage.finish();
    await verify(stage, expected);
  } finally {
    clearTimeout(limit);
    // what a fault starts again must not come after the end
    await Promise.allSettled(performed);
    await stage.close();
  }
}
