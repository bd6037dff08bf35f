/** What is forgotten when another term or another run begins. */
import { followAnew } from './copies.js';
import { NO_ROUNDS } from './rounds.js';
import { NO_ORDER, type WorkerState } from './state.js';
import { type Step, step } from './step.js';

/**
 * A new term may begin at a round before this worker's: its coordinator did not get so far, or was told to go back. What
 * was computed and read beyond may not be the run's any more, so it is computed again.
 */
export function followTerm(before: WorkerState, { term, round }: { term: number; round: number }): Step {
  if (term <= before.term) return step(before);
  // a φ that was evaluated may not be the run's any more, either
  const state = { ...before, term, chunks: [] };
  if (round >= (state.phi?.round ?? 0)) return step(state);
  return step(forgetComputed(state), [{ type: 'forget-shards' }, { type: 'forget-history' }]);
}

/** Another run begins: nothing of the one before is of use. */
export function forgetRun(state: WorkerState): Step {
  const forgotten = { ...forgetComputed(state), order: NO_ORDER, term: 0, fingerprint: '', chunks: [] };
  // what was read of a journal may have been lost with it
  return step(forgotten, [{ type: 'forget-shards' }, ...(state.run ? [{ type: 'forget-history' } as const] : [])]);
}

/** The windows of this round are computed again, and the states that they begin with: neither may be as the order says. */
export function forgetWindows(state: WorkerState): Step {
  const { phi } = state;
  return step({ ...forgetComputed(state), phi }, [{ type: 'forget-shards' }]);
}

/** Every state and every result, and what is on its way. */
function forgetComputed(state: WorkerState): WorkerState {
  const { epoch, copies } = state;
  return { ...state, epoch: epoch + 1, phi: undefined, rounds: NO_ROUNDS, copies: followAnew(copies) };
}
