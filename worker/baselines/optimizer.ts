/**
 * The interface of hand-designed optimizers: each is a factory that returns pure functions, as in optax. They treat
 * every coordinate independently, so a batch of problems is one long vector.
 */

import type { Walk } from '../../shared/walk.js';

/** An optimizer with its options fixed. Neither function writes to its arguments. */
export interface Optimizer<State> {
  readonly name: string;
  /** The state before the first step, for vectors of `coordinates` elements. */
  init(coordinates: number): State;
  /**
   * One step: takes the gradient ∇_t [coordinates] and the state; returns the updates g_t [coordinates] to add to θ_t,
   * and the next state. States are stored as float32; the arithmetic of a step is double.
   */
  update(gradient: Float32Array, state: State): { updates: Float32Array; state: State };
}

/** An optimizer as walks from zero state. */
export function walksOf<State>(optimizer: Optimizer<State>): (coordinates: number) => Walk {
  return (coordinates) => {
    let state = optimizer.init(coordinates);
    return (gradient, theta) => {
      const step = optimizer.update(gradient, state);
      state = step.state;
      for (let i = 0; i < theta.length; i++) theta[i] = theta[i]! + step.updates[i]!;
    };
  };
}

/** The option that every hand-designed optimizer takes, and the only one that is tuned. */
export interface LearningRate {
  /** Positive. */
  learningRate: number;
}

/** Throws a RangeError unless an option of the optimizer called `name` is a positive finite number. */
export function requirePositive(name: string, option: string, value: number): void {
  if (!(value > 0 && value < Number.POSITIVE_INFINITY)) {
    throw new RangeError(`Cannot create ${name}: "${option}" must be a positive finite number, got ${value}`);
  }
}

/** Throws a RangeError unless an option of the optimizer called `name` is a finite number of at least 0. */
export function requireNonNegative(name: string, option: string, value: number): void {
  if (!(value >= 0 && value < Number.POSITIVE_INFINITY)) {
    throw new RangeError(`Cannot create ${name}: "${option}" must be a finite number of at least 0, got ${value}`);
  }
}

/** Throws a RangeError unless a decay rate of the optimizer called `name` lies in [0, 1). */
export function requireDecay(name: string, option: string, value: number): void {
  if (!(value >= 0 && value < 1)) {
    throw new RangeError(`Cannot create ${name}: "${option}" must be at least 0 and below 1, got ${value}`);
  }
}
