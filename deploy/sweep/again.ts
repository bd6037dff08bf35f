/** The commands that train a sweep's trial again. */
import { repeatCommands } from '../run/repeat.js';
import { RunFolder } from '../run/run-folder.js';
import { SegmentFolder, type SegmentId } from './segment.js';

/** The folder of a segment's run. */
export function runFolderOf(out: string, id: SegmentId): RunFolder {
  return new RunFolder(new SegmentFolder(out, id).path);
}

/** The commands that train a segment from scratch to its end; for a forked one, that repeat the whole sweep. */
export function againCommands(folder: RunFolder): string[] {
  const stored = folder.open();
  const plannedRounds = 'rounds' in stored.goal ? stored.goal.rounds : null;
  return repeatCommands(stored, { round: plannedRounds ?? 0, plannedRounds }, folder.path);
}
