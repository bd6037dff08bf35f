/** The interface of estimators, which compute meta-gradients from windows. */
import type { DrawId } from '../../shared/random.js';
import type { DeviceShard, Engine } from '../engines/engine.js';
import type { WindowSums } from '../engines/shard.js';

/** Identifies an episode: the key of its problems and of everything else that is drawn for it. */
export interface EpisodePlace extends Omit<DrawId, 'purpose'> {
  /** P. */
  readonly problems: number;
  /** T. */
  readonly horizon: number;
  /** T as φ is told; 0 if it is not. @default T */
  readonly told?: number;
}

/** Identifies a window of an episode. */
export interface WindowPlace extends EpisodePlace {
  /** 0 for the first window of the episode. */
  readonly window: number;
  /** Inner steps. */
  readonly steps: number;
}

/** What to compute for a window. */
export interface WindowWant {
  /** Whether to compute its meta-gradient; if not, only the state advances, as in a replay. @default true */
  readonly metaGradient?: boolean;
  /** Whether the state may stay on the engine's device. @default false */
  readonly resident?: boolean;
  /** An additional dL/dg of every step, [K × N], for estimators with a backward pass. */
  readonly updateGradient?: Float32Array | undefined;
}

/** The result of a window. */
export interface Estimate<State> extends WindowSums {
  state: State;
  /** The estimate of dL/dφ, summed over the healthy problems, [phiLength]; zeros if it was not requested. */
  metaGradient: Float32Array;
}

/**
 * An estimator with its options fixed. Its state is that of a shard's episode between two windows: a value that can
 * move to another thread unless part of it was left on a device. `begin` and `window` are pure functions of their
 * arguments, so replays, copies and resumed runs give the same bits; `window` may reuse the memory of the given state.
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
  /** The parts of a state that are on a device: kept there with it, and freed when it is dropped. */
  keep(state: State): readonly DeviceShard[];
}
