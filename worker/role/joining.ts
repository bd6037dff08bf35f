/** How a worker joins a run, follows its terms, and catches up with what it missed. */
import { type AnnounceMessage, PROTOCOL } from '../../shared/messages.js';
import { sendAgain, takePhi } from './computing.js';
import { nodesOf } from './copies.js';
import { isFree, type WorkerState } from './state.js';
import { type FingerprintWork, inTurn, type ReadWork, type Step, step } from './step.js';
import { followTerm, forgetRun } from './terms.js';

/**
 * Joins a run that is new to it, or a new term of its run; of one that it knows it says that it is here, and catches up. If
 * another coordinator leads the run under no higher term, the run has begun anew, as on a server whose store was wiped:
 * nothing of what is known of it holds. Whether an announcement is the run's is the bus's to say.
 */
export function hearAnnouncement(before: WorkerState, announced: AnnounceMessage): Step {
  const state = { ...before, finished: false };
  const { run, draining, fingerprint } = state;
  const isSame = announced.coordinator === run?.coordinator;
  if (draining || (isSame && announced.term < run.term)) return step(state);
  if (announced.digest !== run?.digest) return joinRun(state, announced);
  if (!isSame && announced.term <= run.term) return joinRun(state, announced);
  if (announced.term > run.term) {
    return inTurn(
      state,
      (now) => followTerm(now, announced),
      (now) => step(adopt(now, announced)),
      sayHello,
    );
  }
  if (fingerprint === '') return step(state);
  return inTurn(state, sayAlive, (now) => catchUp(now, announced));
}

function joinRun(state: WorkerState, announced: AnnounceMessage): Step {
  return inTurn(
    state,
    forgetRun,
    (now) => followTerm(now, announced),
    (now) => {
      const joined = adopt(now, announced);
      const { digest, config } = joined.run;
      return step(joined, [{ type: 'start', work: { type: 'fingerprint', session: { digest, config } } }]);
    },
  );
}

/** The run as it is announced, with the folders of this machine. */
function adopt(state: WorkerState, announced: AnnounceMessage): WorkerState & { run: AnnounceMessage } {
  const { config } = announced;
  const folders = { ...config.folders, ...state.settings.folders };
  return { ...state, run: { ...announced, config: { ...config, folders } } };
}

/** The machine is ready for the run, unless another one has begun meanwhile. */
export function fingerprinted(state: WorkerState, { session }: FingerprintWork, fingerprint: string): Step {
  const { run } = state;
  if (session.digest !== run?.digest) return step(state);
  return inTurn({ ...state, fingerprint }, (now) => step(now, [{ type: 'tell-joining', run, fingerprint }]), sayHello);
}

/** Says hello to its run, if it is ready for one. */
export function sayHello(state: WorkerState): Step {
  const { run, fingerprint, settings } = state;
  if (!run || fingerprint === '') return step(state);
  const { id: worker, incarnation } = settings;
  return step(state, [{ type: 'hello', worker, incarnation, fingerprint, protocol: PROTOCOL, digest: run.digest }]);
}

function sayAlive(state: WorkerState): Step {
  const { settings, order, copies } = state;
  const { id: worker, incarnation } = settings;
  const message = { type: 'heartbeat', worker, incarnation, ranges: order.ranges, copies: nodesOf(copies) } as const;
  return step(state, [{ type: 'send', message }]);
}

/**
 * Messages may be lost: a φ that was missed is read from the journal, and results that did not count are sent again, at
 * the second announcement since the newest φ, at the fourth, at the eighth, and so on.
 */
function catchUp(state: WorkerState, { term, round, grown = [] }: AnnounceMessage): Step {
  if (isFree(state)) return step(state);
  if (isMissed(state, round)) {
    return step(state, [{ type: 'start', work: { type: 'read', epoch: state.epoch, term, round, grown } }]);
  }
  const { resendAt } = state.waited;
  const announcements = state.waited.announcements + 1;
  if (announcements < resendAt) return step({ ...state, waited: { announcements, resendAt } });
  return sendAgain({ ...state, waited: { announcements, resendAt: 2 * resendAt } }, round + 1);
}

/** Goes on with a φ of the journal, unless it came meanwhile, or the journal may have been cut back. */
export function phiRead(state: WorkerState, { epoch, term, round, grown = [] }: ReadWork, phi: Float32Array): Step {
  if (epoch !== state.epoch || !isMissed(state, round)) return step(state);
  return takePhi(state, { type: 'phi', term, round, grown, phi });
}

function isMissed({ phi }: WorkerState, round: number): boolean {
  return round > (phi?.round ?? -1);
}
