import { type LearningRate, type Optimizer, requireDecay, requirePositive } from './optimizer.js';

export interface RmspropOptions extends LearningRate {
  /** ρ, in [0, 1). @default 0.9 */
  decay?: number;
  /** ε, positive. @default 1e-8 */
  epsilon?: number;
}

/** Options that it has unless it is given others. */
export const RMSPROP_DEFAULTS = { decay: 0.9, epsilon: 1e-8 } as const;

export interface RmspropState {
  /** s_t, [coordinates]. */
  readonly squares: Float32Array;
}

/**
 * RMSprop (Tieleman and Hinton 2012, "Neural networks for machine learning", lecture 6.5). Defaults, s_0 = 0 and ε
 * inside the root are optax's (TensorFlow has it inside too); PyTorch has ρ = 0.99 and ε outside the root:
 *
 *     s_t = ρ s_{t−1} + (1 − ρ) ∇_t²
 *     g_t = −α ∇_t / √(s_t + ε)
 */
export function rmsprop({
  learningRate,
  decay = RMSPROP_DEFAULTS.decay,
  epsilon = RMSPROP_DEFAULTS.epsilon,
}: RmspropOptions): Optimizer<RmspropState> {
  const name = 'rmsprop';
  requirePositive(name, 'learningRate', learningRate);
  requireDecay(name, 'decay', decay);
  requirePositive(name, 'epsilon', epsilon);
  return {
    name,
    init: (coordinates) => ({ squares: new Float32Array(coordinates) }),
    update(gradient, state) {
      const squares = new Float32Array(gradient.length);
      const updates = new Float32Array(gradient.length);
      for (let i = 0; i < gradient.length; i++) {
        const slope = gradient[i]!;
        const mean = decay * state.squares[i]! + (1 - decay) * slope * slope;
        squares[i] = mean;
        updates[i] = (-learningRate * slope) / Math.sqrt(mean + epsilon);
      }
      return { updates, state: { squares } };
    },
  };
}
