/**
 * What is to be done: what the coordinator's decisions come out as. Membership, cross-checks and evaluations take what
 * happened, with the time at which it did, and return actions; `workforce.ts` does them, in their order.
 */
import type { Address } from '../shared/bus/bus.js';
import type { LogFields } from '../shared/logger.js';
import type { ToWorker } from '../shared/messages.js';
import type { NodePlace, TreeNode } from '../shared/sum-tree.js';
import type { Scores } from './evaluation.js';

/** Why a worker's shards went to others. */
export type Reassignment = 'left' | 'silent' | 'late' | 'banned';

export type Action =
  /** To the worker at an address. */
  | { type: 'send'; worker: Address; message: ToWorker }
  | { type: 'broadcast'; message: ToWorker }
  /** Says a sentence. `sparingly` is for what strangers cause, who may cause it any number of times. */
  | { type: 'say'; level: 'warn' | 'error'; sentence: string; about?: LogFields; sparingly?: true }
  /** Tells the observer that a worker's share of the round has been given to others. */
  | { type: 'tell-reassigned'; worker: string; why: Reassignment }
  /** Tells the observer that a worker computes wrongly, and is out of the run. */
  | { type: 'tell-banned'; worker: string; round: number; node?: NodePlace }
  /** Every chunk of an evaluation is here. */
  | { type: 'scored'; round: number; horizon: number; phi: Float32Array; scores: Scores }
  /** The sum of the open round is complete. */
  | { type: 'summed'; root: TreeNode; replayed: number }
  /** The run is to end, and nothing is waited for any more: neither the open round nor an evaluation. */
  | { type: 'abandoned' }
  /** The run cannot go on. */
  | { type: 'fail'; error: Error };
