/** What coordinator and worker say to each other. */
import type { RunConfig } from './config.js';
import type { NodePlace, TreeNode } from './sum-tree.js';

/** Spoken by both sides; a worker of another one is refused. */
export const PROTOCOL = 3;

/** Shards [first, end). */
export interface ShardRange {
  first: number;
  end: number;
}

/** The public keys of a coordinating process. */
export interface CoordinatorKeys {
  /** Its signatures are made with this one. */
  sign: string;
  /** Workers agree on secrets with this one. */
  agree: string;
}

/** Coordinator, at its start and every second: here is a run. */
export interface AnnounceMessage {
  type: 'announce';
  run: string;
  term: number;
  /** The newest φ is φ_round: a worker that missed it reads the journal. */
  round: number;
  /** The rounds up to this one after which the horizon grew. @default none */
  grown?: readonly number[];
  config: RunConfig;
  digest: string;
  /** Names the coordinating process: another one of no higher term has begun the run anew. */
  coordinator: string;
  /** Share of the shards that are computed twice. */
  doubleCheck: number;
  /** What the bus seals messages with. @default none, within one process */
  keys?: CoordinatorKeys;
}

/** Worker: I am here. */
export interface HelloMessage {
  type: 'hello';
  worker: string;
  /** Counts the starts of a worker of this name. */
  incarnation: number;
  threads: number;
  fingerprint: string;
  protocol: number;
  digest: string;
}

/** Worker, at every announcement: I am still here, and this is what I advance. */
export interface HeartbeatMessage {
  type: 'heartbeat';
  worker: string;
  incarnation: number;
  ranges: readonly ShardRange[];
  copies: readonly NodePlace[];
}

/** Worker: I leave; `error` says why where it is not by choice. */
export interface GoodbyeMessage {
  type: 'goodbye';
  worker: string;
  error?: string;
}

/** Coordinator: a worker may not join. */
export interface RefuseMessage {
  type: 'refuse';
  worker: string;
  reason: string;
}

/** Coordinator, to a worker that it does not know: say hello again. */
export interface RejoinMessage {
  type: 'rejoin';
}

/** Coordinator, to one worker: the shards that it advances from now on, a window at every φ. */
export interface OrderMessage {
  type: 'order';
  term: number;
  /** The first round that it is about. */
  round: number;
  ranges: readonly ShardRange[];
  /** Nodes of others' shards whose sums it computes as well, and answers with a hash: a check on hardware. */
  copies: readonly NodePlace[];
}

/** Coordinator: φ_n, which starts the windows of round n + 1. */
export interface PhiMessage {
  type: 'phi';
  term: number;
  round: number;
  /** The rounds up to this one after which the horizon grew: they decide which windows start now. @default none */
  grown?: readonly number[];
  phi: Float32Array;
}

/** Worker: a complete node of a round's sum. */
export interface ResultMessage {
  type: 'result';
  worker: string;
  digest: string;
  round: number;
  node: TreeNode;
  /** Windows that were computed again to get there. */
  replayed: number;
}

/** Worker: the hash of what it computed for a node of a round's sum, to be compared with that of another worker. */
export interface VoteMessage {
  type: 'vote';
  worker: string;
  digest: string;
  round: number;
  node: NodePlace;
  /** SHA-256, as `hashOfNode` makes it. */
  hash: string;
}

/** Part of an evaluation's functions: each chunk is drawn from a key of its own. */
export interface EvaluationChunk {
  chunk: number;
  count: number;
}

/** Coordinator, to one worker: evaluate φ_n on held-out functions. */
export interface EvaluateMessage {
  type: 'evaluate';
  term: number;
  /** n. */
  round: number;
  phi: Float32Array;
  /** T of this evaluation. @default that of the configuration */
  horizon?: number;
  chunks: readonly EvaluationChunk[];
}

/** What is measured of an optimizer on a chunk of functions. */
export interface ChunkScores {
  chunk: number;
  /** f(θ_0) of every function. */
  initial: Float64Array;
  /** Σ_{t=0}^{T−1} f(θ_t) of every function. */
  sum: Float64Array;
  /** f(θ_T) of every function. */
  final: Float64Array;
  /** f(θ_t) at the steps that were asked for, [steps, functions]; absent where none were. */
  curve?: Float64Array;
}

/** Worker: one chunk of an evaluation. */
export interface EvaluationMessage {
  type: 'evaluation';
  worker: string;
  digest: string;
  round: number;
  scores: ChunkScores;
}

/** Coordinator: the run is over. */
export interface FinishedMessage {
  type: 'finished';
}

export type ToCoordinator =
  | HelloMessage
  | HeartbeatMessage
  | GoodbyeMessage
  | ResultMessage
  | VoteMessage
  | EvaluationMessage;
export type ToWorker =
  | AnnounceMessage
  | RefuseMessage
  | RejoinMessage
  | OrderMessage
  | PhiMessage
  | EvaluateMessage
  | FinishedMessage;
