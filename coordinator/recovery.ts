/** Recovery: the newest checkpoint that matches the journal, and the journalled sums after it. */
import type { RunConfig } from '../shared/config.js';
import { InconsistencyError, LoptError } from '../shared/errors.js';
import type { Journal, JournalRecord } from '../shared/journal/journal.js';
import { timelineAt } from '../shared/timeline.js';
import type { Checkpoint } from './checkpoint.js';
import { firstRecord, initialLearner, type LearnerState, learn } from './learner.js';

/** Where a run goes on, and under which term. */
export interface Recovered {
  state: LearnerState;
  term: number;
  /** Round of the checkpoint that it began with, or of the start of the run. */
  from: number;
}

/**
 * Makes the state after the journal's last round again: no window is recomputed. Compares φ with every record that it
 * passes. An empty journal starts the run, with the record of its start.
 *
 * @param onRound told of every round that is applied again
 * @param start the state that the run begins with
 */
export async function recover(
  journal: Journal,
  checkpoints: readonly Checkpoint[],
  phi: Float64Array,
  config: RunConfig,
  onRound?: (record: JournalRecord, metaGradientNorm: number) => void,
  start: LearnerState = initialLearner(phi, config),
): Promise<Recovered> {
  if (journal.last < 0) {
    if (checkpoints.length > 0) {
      throw new LoptError(
        'Cannot resume the run: its journal is empty, and its checkpoints alone cannot replay the open episodes',
      );
    }
    await journal.append(firstRecord(start, 1));
    return { state: start, term: 1, from: start.round };
  }
  const picked = await pickStart(journal, checkpoints, start);
  let state = picked;
  let term = 0;
  for (const checkpoint of checkpoints) term = Math.max(term, checkpoint.term);
  while (state.round < journal.last) {
    const record = await journal.read(state.round + 1);
    const applied = learn(state, record, config, record.term);
    state = applied.state;
    compare(state, record);
    onRound?.(record, applied.metaGradientNorm);
    term = Math.max(term, record.term);
  }
  term = Math.max(term, (await journal.read(journal.last)).term);
  checkEpisodes(state, journal, config);
  return { state, term: term + 1, from: picked.round };
}

/** The newest of the checkpoints whose round the journal holds with the same φ; else the start, if the journal reaches back to it. */
export async function pickStart(
  journal: Journal,
  checkpoints: readonly Checkpoint[],
  start: LearnerState,
): Promise<LearnerState> {
  for (const { learner } of checkpoints) {
    if (learner.round < journal.first || learner.round > journal.last) continue;
    compare(learner, await journal.read(learner.round));
    return learner;
  }
  if (journal.first === start.round) {
    compare(start, await journal.read(start.round));
    return start;
  }
  throw new LoptError(
    `Cannot resume the run: the journal holds rounds ${journal.first} to ${journal.last}, and no undamaged checkpoint is of one of them`,
  );
}

/** Throws if the φ's that the open episodes are replayed with are not all there. */
function checkEpisodes({ round, grown }: LearnerState, journal: Journal, config: RunConfig): void {
  const oldest = timelineAt(config, grown).oldestStart(round + 1) - 1;
  if (journal.first <= oldest) return;
  throw new LoptError(
    `Cannot resume the run: its open episodes need the rounds from ${oldest} on, and the journal begins with round ${journal.first}`,
  );
}

function compare(state: LearnerState, record: JournalRecord): void {
  const same =
    record.phi.length === state.phi.length && record.phi.every((value, i) => value === Math.fround(state.phi[i]!));
  if (!same)
    throw new InconsistencyError(`Cannot resume the run: φ of round ${record.round} differs from the journal's`);
}
