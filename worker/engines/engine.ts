/** What computes windows: the interface of every engine. */
import { LoptError } from '../../shared/errors.js';
import type { Key } from '../../shared/random.js';
import type { AdamState } from '../baselines/adam.js';
import type { Split } from '../problems/problem.js';
import type { WalkRequest } from './rollout.js';

/** A shard's arrays on the device of the engine that computed it: the engine alone knows what they are. */
export interface DeviceShard {
  dispose(): void;
}

/**
 * A shard between two windows: a pure function of (seed, shard, φ of the rounds since its episode began). All arrays are
 * views of one shared buffer, on which one thread at a time works in place: what a thread leaves when it dies under a
 * window is not to be used. N = P·coordinates.
 */
export interface ShardState {
  /** t: inner steps done in this episode. */
  step: number;
  /** The episode's key. */
  key: Key;
  split: Split;
  /** P. */
  count: number;
  /** θ_t, [N]. */
  theta: Float32Array;
  /** ∇_t, [N]. */
  gradient: Float32Array;
  /** h_t, in the engine's own layout. */
  hidden: Float32Array;
  /** The problems' data, as their family drew it. */
  data: Float32Array;
  /** f_0(θ_0), [P]. */
  initialLosses: Float64Array;
  /** 1 for a healthy problem, 0 for one that went bad in this episode, [P]. */
  healthy: Uint8Array;
  /** Where it was left on the device: what is newer there than `theta`, `gradient` and `hidden`. */
  device?: DeviceShard;
  /** What the Adam that is imitated has seen of this episode; not the engine's matter. @default nothing */
  teacher?: AdamState;
}

/** One truncation of back-propagation through time. */
export interface WindowRequest {
  state: ShardState;
  /** K, inner steps of this window. */
  steps: number;
  /** w_1…w_K; all 1 by default. */
  lossWeights?: Float32Array;
  /** An additional dL/dg of every step, [K × N]. */
  updateGradient?: Float32Array;
  /** Only advance the state, for a replay: `metaGradient` stays zero. @default false */
  forwardOnly?: boolean;
  /** Leave the state on the engine's device, if it has one: only this engine can go on with it. @default false */
  resident?: boolean;
}

/** What a window gives. */
export interface WindowResult {
  /** The shard after the window. */
  state: ShardState;
  /** dL/dφ of L = Σ_p Σ_t w_t f_t(θ_t), summed over the healthy problems, [φ]. */
  metaGradient: Float32Array;
  /** L, over the healthy problems. */
  loss: number;
  /** Σ_p f(θ_K), over the healthy problems. */
  finalLoss: number;
  /** Problems that are healthy at the end of the window. */
  healthy: number;
}

/** A device went away, and with it what was on it: the engine is of no more use, and its shards are to be replayed. */
export class DeviceLostError extends LoptError {
  override readonly name = 'DeviceLostError';
}

/**
 * Computes windows of one configuration: problems, network and options are fixed when it is made. One call at a time.
 */
export interface Engine {
  readonly name: string;
  /** Engine, kernel and device, in words: part of the fingerprint. */
  readonly description: string;
  /** Sets the φ of the windows that follow, [phiLength] in float32. */
  loadPhi(phi: Float32Array): void;
  /** Draws `count` fresh problems and evaluates f_0 and ∇_0 at θ_0, with zero hidden state. */
  begin(key: Key, count: number, split: Split, resident?: boolean): Promise<ShardState>;
  /** Computes one window under the φ that was loaded. Throws DeviceLostError where its device went away. */
  window(request: WindowRequest): Promise<WindowResult>;
  /**
   * Runs the learned optimizer itself under the loaded φ from θ_0 on fresh problems: f_t(θ_t) of every problem for
   * t = 0…T, [(T + 1) × P].
   */
  walk(request: WalkRequest): Promise<Float64Array>;
  close(): void;
}
