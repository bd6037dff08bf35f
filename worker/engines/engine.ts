/** The interface of engines, which compute windows. */
import type { Key } from '../../shared/random.js';
import type { LossNormalisation, Split, TrainingPart } from '../problems/problem.js';
import type { RolloutRequest } from './rollout.js';

/** A shard's arrays on the device of its engine; only that engine knows what they are. */
export interface DeviceShard {
  dispose(): void;
}

/**
 * A shard's problems between two windows: a pure function of (seed, shard, φ of the rounds since its episode began).
 * All arrays are views of one shared buffer, on which one thread at a time works in place; if it dies during a window,
 * the contents must not be used. N = P·coordinates.
 */
export interface ShardState {
  /** t: inner steps done in this episode. */
  step: number;
  /** The episode's key. */
  key: Key;
  split: Split;
  /** The part of the training split that the gradients read. @default all of it */
  part?: TrainingPart | undefined;
  /** P. */
  count: number;
  /** θ_t, [N]. */
  theta: Float32Array;
  /** ∇_t, [N]. */
  gradient: Float32Array;
  /** h_t, in the engine's layout. */
  hidden: Float32Array;
  /** The problems' data, as drawn by their family. */
  data: Float32Array;
  /** f_0(θ_0), [P]. */
  initialLosses: Float64Array;
  /** 1 for a healthy problem, 0 for one that went bad in this episode, [P]. */
  healthy: Uint8Array;
  /** In what unit the losses of these problems enter the meta-loss. @default as they are */
  lossNormalisation?: LossNormalisation;
  /** The current `theta`, `gradient` and `hidden` if the shard was left on a device. */
  device?: DeviceShard;
}

/** The problems to start an episode with. */
export interface BeginRequest {
  /** The key that they are drawn from. */
  key: Key;
  /** P. */
  count: number;
  split: Split;
  /** The part of the training split that the gradients of the episode read. @default all of it */
  part?: TrainingPart | undefined;
  /** Leave the state on the engine's device, if it has one: then only this engine can continue it. @default false */
  resident?: boolean;
}

/** K inner steps of a shard under one φ. */
export interface WindowRequest {
  /** φ, [phiLength]. */
  phi: Float32Array;
  state: ShardState;
  /** K. */
  steps: number;
  /** T of the episode, for learned optimizers that read it; 0 if nobody knows. @default 0 */
  horizon?: number | undefined;
  /** w_1…w_K; all 1 by default. */
  lossWeights?: Float32Array | undefined;
  /** An additional dL/dg of every step, [K × N]. */
  updateGradient?: Float32Array | undefined;
  /** Only advance the state: `metaGradient` stays zero. @default false */
  forwardOnly?: boolean | undefined;
  /**
   * Also evaluate every θ_t on this part of the training split, at the cost of a loss a step: `scores` of the result.
   * Only with `forwardOnly`.
   */
  scorePart?: TrainingPart | undefined;
  /** Limits the slopes of the architecture's input in second derivatives; 0 for no limit. @default 0 */
  slopeLimit?: number | undefined;
  /** Leave the state on the engine's device, if it has one. @default false */
  resident?: boolean | undefined;
}

/** The result of a window. */
export interface WindowResult {
  /** The shard after the window, with the health of every problem. */
  state: ShardState;
  /** dL/dφ of L = Σ_p Σ_t w_t f_t(θ_t), summed over the healthy problems, [phiLength]. */
  metaGradient: Float32Array;
  /** f_t(θ_t) of every problem, healthy or not, for t = 1…K, [K × P]. */
  losses: Float64Array;
  /** The same on the part to score on, [K × P]; absent if there was none. */
  scores?: Float64Array;
}

/**
 * Computes windows of one configuration: problems, architecture and options are fixed when it is made, φ is passed to
 * each call. Takes one call at a time.
 */
export interface Engine {
  readonly name: string;
  /** Engine, kernel and device, in words: part of the fingerprint. */
  readonly description: string;
  /** Draws fresh problems and evaluates f_0 and ∇_0 at θ_0, with zero hidden state. */
  begin(request: BeginRequest): Promise<ShardState>;
  /** Computes one window. Throws DeviceLostError if its device was lost. */
  window(request: WindowRequest): Promise<WindowResult>;
  /**
   * Runs the learned optimizer under φ on fresh problems from θ_0. Returns f_t(θ_t) of every problem for t = 0…T,
   * [(T + 1) × P].
   */
  rollout(phi: Float32Array, request: RolloutRequest): Promise<Float64Array>;
  close(): void;
}
