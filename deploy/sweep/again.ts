/** The command by which a sweep's trial is trained again. */
import { repeatCommands } from '../run/repeat.js';
import { RunFolder } from '../run/run-folder.js';
import { SegmentFolder, type SegmentId } from './segment.js';

/** The folder of a segment's run. */
export function runFolderOf(out: string, id: SegmentId): RunFolder {
  return new RunFolder(new SegmentFolder(out, id).path);
}

/** What trains a segment to its end, from nothing; of one that was forked, what makes the whole sweep again. */
export function againCommands(folder: RunFolder): string[] {
  const stored = folder.open();
  const plannedRounds = 'rounds' in stored.goal ? stored.goal.rounds : null;
  return repeatCommands(stored, { round: plannedRounds ?? 0, plannedRounds }, folder.path);
}
