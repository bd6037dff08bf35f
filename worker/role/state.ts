/** What a worker knows, as a value: of itself, of its run, and of what it has computed and sent. */
import type { AnnounceMessage, ChunkScores, PhiMessage, ShardRange } from '../../shared/messages.js';
import { type Copies, NO_COPIES } from './copies.js';
import { NO_ROUNDS, type Rounds } from './rounds.js';

/** What a worker is started with, as far as its actions depend on it. */
export interface WorkerSettings {
  /** Its name among the workers. */
  id: string;
  /** Tells this start of the worker from others of its name. */
  incarnation: number;
  /** Where the problems' data lie here, by option, instead of where the coordinator has them. */
  folders: Readonly<Record<string, string>>;
}

/** The newest order. */
interface StandingOrder {
  readonly term: number;
  /** The first round that it is about. */
  readonly from: number;
  readonly ranges: readonly ShardRange[];
}

/** A chunk of an evaluation that is being computed, or was. */
export interface Chunk {
  /** The evaluation is of φ_round. */
  readonly round: number;
  readonly chunk: number;
  readonly scores: ChunkScores | undefined;
}

/** Everything that a worker's actions depend on, besides the event. */
export interface WorkerState {
  readonly settings: WorkerSettings;
  /** The run as it was last joined, with the folders of this machine. */
  readonly run: AnnounceMessage | undefined;
  /** Of this machine, for the run; empty until it is computed. */
  readonly fingerprint: string;
  /** The newest term that was heard of. */
  readonly term: number;
  /** Counts how often everything computed was forgotten: what was begun in an earlier epoch is nobody's. */
  readonly epoch: number;
  readonly order: StandingOrder;
  /** The newest φ. */
  readonly phi: PhiMessage | undefined;
  /** Announcements since the newest φ, and at how many of them the results are sent again. */
  readonly waited: { readonly announcements: number; readonly resendAt: number };
  readonly rounds: Rounds;
  readonly copies: Copies;
  readonly chunks: readonly Chunk[];
  /** Rounds whose windows are being computed, whatever the epoch. */
  readonly computing: number;
  /** Whether it leaves as soon as its windows are computed and sent. */
  readonly draining: boolean;
  /** Whether the run is over: nobody is there who would take a goodbye. */
  readonly finished: boolean;
  /** Whether it is gone: nothing happens any more. */
  readonly left: boolean;
}

/** No announcement has come since the newest φ. */
export const NOT_WAITED: WorkerState['waited'] = { announcements: 0, resendAt: 2 };

/** No order yet, of any term. */
export const NO_ORDER: StandingOrder = { term: 0, from: 0, ranges: [] };

/** A worker that has heard nothing yet. */
export function initialState(settings: WorkerSettings): WorkerState {
  return {
    settings,
    run: undefined,
    fingerprint: '',
    term: 0,
    epoch: 0,
    order: NO_ORDER,
    phi: undefined,
    waited: NOT_WAITED,
    rounds: NO_ROUNDS,
    copies: NO_COPIES,
    chunks: [],
    computing: 0,
    draining: false,
    finished: false,
    left: false,
  };
}

/** Whether it has nothing to compute. */
export function isFree({ order, copies }: WorkerState): boolean {
  return order.ranges.length === 0 && copies.followed.length === 0;
}

/** The shards that it is to advance, in the order of their ranges. */
export function orderedShards({ order }: WorkerState): number[] {
  return order.ranges.flatMap(({ first, end }) => Array.from({ length: end - first }, (_, index) => first + index));
}
