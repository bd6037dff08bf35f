/** What happens to a worker, what it does about it, and how one step follows another. */
import type {
  AnnounceMessage,
  ChunkScores,
  EvaluateMessage,
  EvaluationMessage,
  GoodbyeMessage,
  HeartbeatMessage,
  HelloMessage,
  PhiMessage,
  ResultMessage,
  ToWorker,
  VoteMessage,
} from '../../shared/messages.js';
import type { NodePlace } from '../../shared/sum-tree.js';
import type { ComputedWindows, WindowsOrder } from '../held-shards.js';
import type { ComputedMeasures } from '../observer.js';
import type { SessionId } from '../session.js';
import type { EvaluateTask } from '../tasks.js';
import type { WorkerState } from './state.js';

/** Compute this machine's fingerprint for a run. */
export interface FingerprintWork {
  type: 'fingerprint';
  session: SessionId;
}

/** Read a φ that was missed from the journal. */
export interface ReadWork extends Pick<PhiMessage, 'term' | 'round' | 'grown'> {
  type: 'read';
  epoch: number;
}

/** Compute a round's windows of the worker's own shards. */
export interface WindowsWork {
  type: 'windows';
  epoch: number;
  order: WindowsOrder;
}

/** Compute a round's windows of a node of others' shards. */
export interface CopyWork {
  type: 'copy';
  epoch: number;
  /** Which copy: the states of its shards are its own. */
  copy: number;
  node: NodePlace;
  order: WindowsOrder;
}

/** Evaluate φ on a chunk of functions. */
export interface ScoreWork extends Pick<EvaluateMessage, 'term' | 'round'> {
  type: 'score';
  task: EvaluateTask;
}

/** What takes time. How it ended comes back as an event that says which work it was. */
export type Work = FingerprintWork | ReadWork | WindowsWork | CopyWork | ScoreWork;

export type WorkerEvent =
  | ToWorker
  | { type: 'fingerprinted'; work: FingerprintWork; fingerprint: string }
  | { type: 'phi-read'; work: ReadWork; phi: Float32Array }
  /** `seconds` is how long the work took. */
  | { type: 'windows-computed'; work: WindowsWork; computed: ComputedWindows; seconds: number }
  | { type: 'copy-computed'; work: CopyWork; computed: ComputedWindows }
  | { type: 'scored'; work: ScoreWork; scores: ChunkScores }
  /** Some work could not be done, or something else went wrong that cannot be mended here. */
  | { type: 'failed'; work?: Work; error: unknown }
  /** Finish the windows that are being computed, send them, and leave. */
  | { type: 'drain' }
  | { type: 'close' }
  /** Be gone without a word. */
  | { type: 'abandon' };

/** A hello but for the number of threads, which may change until it is sent. */
export type HelloAction = Omit<HelloMessage, 'threads'>;

export type Action =
  | HelloAction
  | { type: 'send'; message: HeartbeatMessage | GoodbyeMessage | ResultMessage | VoteMessage | EvaluationMessage }
  | { type: 'start'; work: Work }
  /** Forget the states of the worker's own shards but these. */
  | { type: 'keep-shards'; shards: readonly number[] }
  /** Forget the states of all copies but these. */
  | { type: 'keep-copies'; copies: readonly number[] }
  /** Forget the states of all shards, own and copied. */
  | { type: 'forget-shards' }
  /** Forget what was read of the journal. */
  | { type: 'forget-history' }
  /** Listen no more. */
  | { type: 'leave' }
  /** Tell those who started the worker that it left, and why. */
  | { type: 'tell-failed'; error: Error }
  /** Tell them that the run is over. */
  | { type: 'tell-finished' }
  /** Tell the observer that the worker wants to join, as an engine of this fingerprint. */
  | { type: 'tell-joining'; run: AnnounceMessage; fingerprint: string }
  /** Tell the observer what the worker advances now. */
  | { type: 'tell-ordered'; run: AnnounceMessage; shards: number }
  /** Tell it what was computed of a round. */
  | { type: 'tell-computed'; round: number; measures: ComputedMeasures }
  /** Tell it that the worker works for no run any more. */
  | { type: 'tell-released' };

/** What comes of an event: the state from now on, and what is to be done, in order. */
export interface Step {
  readonly state: WorkerState;
  readonly actions: readonly Action[];
}

/** Goes on with a state, and does these things. */
export function step(state: WorkerState, actions: readonly Action[] = []): Step {
  return { state, actions };
}

/** One step after another, each from the state that the one before has left. */
export function inTurn(state: WorkerState, ...steps: readonly ((state: WorkerState) => Step)[]): Step {
  return steps.reduce((before, next) => {
    const after = next(before.state);
    return { state: after.state, actions: [...before.actions, ...after.actions] };
  }, step(state));
}
