/** What a worker does about what it hears and what it has computed: a function of these alone. */
import { LoptError } from '../../shared/errors.js';
import type { RefuseMessage } from '../../shared/messages.js';
import { copyComputed, followOrder, hearPhi, windowsComputed, windowsFailed } from './computing.js';
import { evaluate, scored } from './evaluations.js';
import { fingerprinted, hearAnnouncement, phiRead, sayHello } from './joining.js';
import { abandon, drain, fail, finish, leave } from './leaving.js';
import type { WorkerState } from './state.js';
import { type Step, step, type Work, type WorkerEvent } from './step.js';

/** The worker's state after an event, and its actions in their order; none once it has left. */
export function workerStep(state: WorkerState, event: WorkerEvent): Step {
  if (state.left) return step(state);
  switch (event.type) {
    case 'announce':
      return hearAnnouncement(state, event);
    case 'rejoin':
      return sayHello(state);
    case 'refuse':
      return refused(state, event);
    case 'order':
      return followOrder(state, event);
    case 'phi':
      return hearPhi(state, event);
    case 'evaluate':
      return evaluate(state, event);
    case 'finished':
      return finish(state);
    case 'fingerprinted':
      return fingerprinted(state, event.work, event.fingerprint);
    case 'phi-read':
      return phiRead(state, event.work, event.phi);
    case 'windows-computed':
      return windowsComputed(state, event.work, event.computed, event.seconds);
    case 'copy-computed':
      return copyComputed(state, event.work, event.computed);
    case 'scored':
      return scored(state, event.work, event.scores);
    case 'failed':
      return failed(state, event.work, event.error);
    case 'drain':
      return drain(state);
    case 'close':
      return leave(state);
    case 'abandon':
      return abandon(state);
  }
}

function refused(state: WorkerState, { worker, reason }: RefuseMessage): Step {
  // it is for another worker
  if (worker !== state.settings.id) return step(state);
  return fail(state, new LoptError(`Worker ${worker} is refused: ${reason}`));
}

/** What nobody waits for any more may fail; all else makes the worker leave. */
function failed(state: WorkerState, work: Work | undefined, error: unknown): Step {
  switch (work?.type) {
    case 'read':
      // not in the journal yet: the next announcement comes in a second
      return step(state);
    case 'windows':
      return windowsFailed(state, work, error);
    case 'copy':
      return work.epoch === state.epoch ? fail(state, error) : step(state);
    default:
      return fail(state, error);
  }
}
