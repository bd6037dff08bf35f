/** How a meta-gradient is made from windows: the interface of every estimator. */
import type { DrawId } from '../../shared/random.js';
import type { DeviceShard, Engine } from '../engines/engine.js';
import type { WindowSums } from '../engines/shard.js';

/** Which episode: what its problems, and all else that is drawn for it, are keyed by. */
export interface EpisodePlace extends Omit<DrawId, 'purpose'> {
  /** P. */
  readonly problems: number;
}

/** Which of its windows. */
export interface WindowPlace extends EpisodePlace {
  /** 0 for the first window of the episode. */
  readonly window: number;
  /** Inner steps. */
  readonly steps: number;
}

/** What is wanted of a window. */
export interface WindowWant {
  /** Whether its meta-gradient is; otherwise only the state moves on, as in a replay. @default true */
  readonly metaGradient?: boolean;
  /** Whether the state may stay on the engine's device. @default false */
  readonly resident?: boolean;
  /** An additional dL/dg of every step, [K × N], for estimators that go backward. */
  readonly updateGradient?: Float32Array | undefined;
}

/** What a window gives. */
export interface Estimate<State> extends WindowSums {
  state: State;
  /** The estimate of dL/dφ, summed over the healthy problems, [phiLength]; zeros if it was not wanted. */
  metaGradient: Float32Array;
}

/**
 * An estimator with its options fixed. Its state is what an episode of a shard has between two windows: a value that can
 * be handed to another thread unless some of it was left on a device. `begin` and `window` are pure functions of their
 * arguments, so that replays, copies and resumed runs have the same bits; `window` may reuse the memory of the state that
 * it is given.
 */
export interface Estimator<State = unknown> {
  /** The state at the start of an episode. */
  begin(engine: Engine, phi: Float32Array, episode: EpisodePlace, want?: WindowWant): Promise<State>;
  /** Computes a window under φ [phiLength]. */
  window(
    engine: Engine,
    phi: Float32Array,
    state: State,
    place: WindowPlace,
    want?: WindowWant,
  ): Promise<Estimate<State>>;
  /** What of a state lies on a device, to be kept there with it, and freed when it is dropped. */
  keep(state: State): readonly DeviceShard[];
}
