import { type LearningRate, type Optimizer, requireDecay, requirePositive } from './optimizer.js';

export interface MomentumOptions extends LearningRate {
  /** μ, in [0, 1). @default 0.9 */
  momentum?: number;
}

/** Options that a momentum method has unless it is given others. */
export const MOMENTUM_DEFAULTS = { momentum: 0.9 } as const;

export interface MomentumState {
  /** v_t, [coordinates]. */
  readonly velocity: Float32Array;
}

/**
 * Gradient descent with momentum, the heavy ball (Polyak 1964, "Some methods of speeding up the convergence of
 * iteration methods"), with the learning rate outside the velocity, as in optax and PyTorch:
 *
 *     v_t = ∇_t + μ v_{t−1}
 *     g_t = −α v_t
 */
export function momentum({
  learningRate,
  momentum: mu = MOMENTUM_DEFAULTS.momentum,
}: MomentumOptions): Optimizer<MomentumState> {
  const name = 'momentum';
  requirePositive(name, 'learningRate', learningRate);
  requireDecay(name, 'momentum', mu);
  return {
    name,
    init: (coordinates) => ({ velocity: new Float32Array(coordinates) }),
    update(gradient, state) {
      const velocity = new Float32Array(gradient.length);
      const updates = new Float32Array(gradient.length);
      for (let i = 0; i < gradient.length; i++) {
        const v = gradient[i]! + mu * state.velocity[i]!;
        velocity[i] = v;
        updates[i] = -learningRate * v;
      }
      return { updates, state: { velocity } };
    },
  };
}
