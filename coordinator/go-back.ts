/** Going back to an earlier round: whatever came after it is dropped, and computed again. */
import type { RunConfig } from '../shared/config.js';
import { UsageError } from '../shared/errors.js';
import type { Journal } from '../shared/journal/journal.js';
import { timelineAt } from '../shared/timeline.js';
import type { Checkpoint, Checkpoints } from './checkpoint.js';
import { initialLearner } from './learner.js';
import { pickStart } from './recovery.js';

/** What is cut back. */
export interface GoBackOptions {
  journal: Journal;
  checkpoints: Checkpoints;
  /** The checkpoints that can be read. */
  found: readonly Checkpoint[];
  /** φ_0. */
  phi: Float64Array;
  config: RunConfig;
}

/**
 * Cuts a run back to a round. Throws UsageError, and changes nothing, if that cannot be reached: nothing before it is left
 * to recover it from, or the journal does not go so far. Returns the checkpoints that are left. Round 0 can also be reached
 * without a journal.
 *
 * The checkpoints beyond go first, then the journal's records from its end. Killed at any moment in between, it leaves a run
 * that can be resumed: the journal ends at that round or later, and what recovers it, which was found before, is below.
 */
export async function goBack(
  { journal, checkpoints, found, phi, config }: GoBackOptions,
  round: number,
): Promise<Checkpoint[]> {
  const task = `Cannot go back to round ${round}`;
  if (journal.last < 0 && round === 0) {
    await checkpoints.dropAbove(round);
    return [];
  }
  if (journal.last < 0) throw new UsageError(`${task}: the journal is empty, so it must be round 0`);
  const lowest = lowestRound(journal, found, config);
  if (lowest > journal.last)
    throw new UsageError(`${task}: the run can only go on from its end, round ${journal.last}`);
  if (round < lowest || round > journal.last) {
    throw new UsageError(
      `${task}: it must be of rounds ${lowest} to ${journal.last}, which the run can be recovered at`,
    );
  }
  const kept = found.filter(({ learner }) => learner.round <= round);
  await pickStart(journal, kept, initialLearner(phi, config));
  await checkpoints.dropAbove(round);
  await journal.truncate(round);
  return kept;
}

/** The first round that can be recovered, and whose open episode can be replayed. */
function lowestRound({ first, last }: Journal, found: readonly Checkpoint[], config: RunConfig): number {
  const starts = found.map(({ learner }) => learner.round).filter((round) => round >= first && round <= last);
  let round = first === 0 ? 0 : Math.min(...starts);
  // of the newest checkpoint: what grew after it changes no episode that was open before
  const grown = found.reduce<readonly number[]>(
    (longest, { learner: { grown } }) => (grown.length > longest.length ? grown : longest),
    [],
  );
  const timeline = timelineAt(config, grown);
  while (round <= last && timeline.oldestStart(round + 1) - 1 < first) round += 1;
  return round;
}
