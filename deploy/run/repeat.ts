/** The commands that compute the same again. */
import { join } from 'node:path';
import type { EvaluationReport } from '../../coordinator/report/evaluation-report.js';
import { ENGINES } from '../../worker/engines/select.js';
import type { StoredRun } from './run-folder.js';
import type { Flags } from './train-flags.js';

/** How far a run is. */
export interface RunPlace {
  round: number;
  /** Null before it is decided. */
  plannedRounds: number | null;
}

/** Whether a run has the rounds that it planned. */
export function isComplete({ round, plannedRounds }: RunPlace): boolean {
  return plannedRounds !== null && round >= plannedRounds;
}

/**
 * The commands that compute a complete run's φ again, one after the other; for another run, the one that goes on with it.
 * What began with another run's state is made again by its sweep alone.
 */
export function repeatCommands(stored: StoredRun, place: RunPlace, folder: string): string[] {
  const { round, plannedRounds } = place;
  if (plannedRounds === null || !isComplete(place)) return [command('lopt train --resume --out', folder)];
  const { config } = stored;
  // a segment's folder lies in trials/ of its sweep's
  if (config.start) return [command('lopt sweep', join(folder, '..', '..', 'sweep.yaml'), '--seed', config.seed)];
  // elsewhere auto may be another engine, and where it is this one, to say so does no harm
  const flags = ENGINES.get(config.engine)?.single ? { ...stored.flags, engine: config.engine } : stored.flags;
  const first = command('lopt train', config.problem, ...flagWords(flags), '--rounds', plannedRounds);
  return round === plannedRounds ? [first] : [first, `lopt train --resume --rounds ${round} --out FOLDER`];
}

/** The same, as sentences for a terminal. */
export function repeatLines(stored: StoredRun, place: RunPlace, folder: string): string[] {
  const [first, ...others] = repeatCommands(stored, place, folder);
  if (isComplete(place)) return [`The same bits again: ${first}`, ...others.map((other) => `and then: ${other}`)];
  return [`Of ${place.plannedRounds ?? 'the'} planned rounds, ${place.round} are done; go on with: ${first}`];
}

/** The command that makes an evaluation again. */
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
    if (value === true) return [`--${name}`];
    if (value === false) return [`--${name}=false`];
    return [`--${name}`, Array.isArray(value) ? value.join(',') : String(value)];
  });
}

/** A command line: its beginning as it is, and words that a shell takes as they are meant. */
export function command(start: string, ...words: readonly (string | number)[]): string {
  return [start, ...words.map((word) => quoted(String(word)))].join(' ');
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
