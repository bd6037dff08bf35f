/** The commands that reproduce a run or an evaluation. */
import { join } from 'node:path';
import type { EvaluationReport } from '../../coordinator/report/evaluation-report.js';
import { ENGINES } from '../../worker/engines/select.js';
import type { StoredRun } from './run-folder.js';
import type { Flags } from './train-flags.js';

/** How far a run has got. */
export interface RunPlace {
  round: number;
  /** Null until it is decided. */
  plannedRounds: number | null;
}

/** Whether a run has computed its planned rounds. */
export function isComplete({ round, plannedRounds }: RunPlace): boolean {
  return plannedRounds !== null && round >= plannedRounds;
}

/**
 * The commands, in order, that reproduce a complete run's φ; for an incomplete run, the command that resumes it. A run
 * that started from another run's state can only be reproduced by its sweep.
 *
 * @param resume the command that resumes it @default lopt train
 */
export function repeatCommands(stored: StoredRun, place: RunPlace, folder: string, resume?: string): string[] {
  const { round, plannedRounds } = place;
  if (plannedRounds === null || !isComplete(place)) return [resume ?? command('lopt train --resume --out', folder)];
  const { config } = stored;
  // a segment's folder lies in the folder trials/ of its sweep
  if (config.start) return [command('lopt sweep', join(folder, '..', '..', 'sweep.yaml'), '--seed', config.seed)];
  // elsewhere, auto may resolve to another engine
  const flags = ENGINES.get(config.engine)?.single ? { ...stored.flags, engine: config.engine } : stored.flags;
  const first = command('lopt train', config.problem, ...flagWords(flags), '--rounds', plannedRounds);
  return round === plannedRounds ? [first] : [first, `lopt train --resume --rounds ${round} --out FOLDER`];
}

/** The same as sentences for a terminal. */
export function repeatLines(stored: StoredRun, place: RunPlace, folder: string, resume?: string): string[] {
  const [first, ...others] = repeatCommands(stored, place, folder, resume);
  if (isComplete(place)) return [`The same bits again: ${first}`, ...others.map((other) => `and then: ${other}`)];
  return [`${place.round} of ${place.plannedRounds ?? 'the'} planned rounds are done; resume with: ${first}`];
}

/** The command that reproduces an evaluation. */
export function evaluateCommand(
  phi: string,
  problem: string | undefined,
  flags: Flags,
  { seed, functions, tuneFunctions }: Pick<EvaluationReport, 'seed' | 'functions' | 'tuneFunctions'>,
): string {
  const words = flagWords({ ...flags, seed, functions, 'tune-functions': tuneFunctions });
  return command('lopt eval', phi, ...(problem === undefined ? [] : [problem]), ...words);
}

function flagWords(flags: Flags): (string | number)[] {
  return Object.entries(flags).flatMap(([name, value]) => {
    // a list of nothing, as a file may have it, cannot be said in a word
    if (Array.isArray(value) && value.length === 0) return [];
    if (value === true) return [`--${name}`];
    if (value === false) return [`--${name}=false`];
    return [`--${name}`, Array.isArray(value) ? value.join(',') : String(value)];
  });
}

/** A command line: `start` as it is, and `words` quoted for a shell. */
export function command(start: string, ...words: readonly (string | number)[]): string {
  return [start, ...words.map((word) => quoted(String(word)))].join(' ');
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
