/** How a worker ends: by choice, because the run is over, or because of what cannot be mended here. */
import { LoptError, messageOf } from '../../shared/errors.js';
import type { GoodbyeMessage } from '../../shared/messages.js';
import { follow } from './copies.js';
import type { WorkerState } from './state.js';
import { type Action, type Step, step } from './step.js';

/** The coordinator has ended the run. Another one may be announced, or the same again. */
export function finish(state: WorkerState): Step {
  const order = { ...state.order, ranges: [] };
  return step({ ...state, finished: true, order, copies: follow(state.copies, []) }, [
    { type: 'keep-copies', copies: [] },
    { type: 'tell-released' },
    { type: 'tell-finished' },
  ]);
}

/** Leaves as soon as the windows that are being computed are sent. */
export function drain(state: WorkerState): Step {
  return leaveIfDrained({ ...state, draining: true });
}

/** The windows of a round are computed, or could not be. */
export function endComputing(state: WorkerState): Step {
  return leaveIfDrained({ ...state, computing: state.computing - 1 });
}

/** Leaves the run by choice. */
export function leave(state: WorkerState): Step {
  const goodbye: Action[] = state.finished ? [] : [{ type: 'send', message: goodbyeOf(state) }];
  return step({ ...state, left: true }, [{ type: 'leave' }, ...goodbye, { type: 'tell-released' }]);
}

/** Says why it cannot go on, and leaves. */
export function fail(state: WorkerState, cause: unknown): Step {
  const error = cause instanceof Error ? cause : new LoptError(messageOf(cause));
  return step({ ...state, left: true }, [
    { type: 'leave' },
    { type: 'send', message: { ...goodbyeOf(state), error: messageOf(cause) } },
    { type: 'tell-released' },
    { type: 'tell-failed', error },
  ]);
}

/** Is gone, as if its process were. */
export function abandon(state: WorkerState): Step {
  return step({ ...state, left: true }, [{ type: 'leave' }]);
}

function leaveIfDrained(state: WorkerState): Step {
  return state.draining && state.computing === 0 ? leave(state) : step(state);
}

function goodbyeOf({ settings }: WorkerState): GoodbyeMessage {
  return { type: 'goodbye', worker: settings.id };
}
