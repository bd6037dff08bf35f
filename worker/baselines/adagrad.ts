import { type LearningRate, type Optimizer, requireNonNegative, requirePositive } from './optimizer.js';

export interface AdagradOptions extends LearningRate {
  /** s_0, at least 0. @default 0.1 */
  initialAccumulator?: number;
  /** ε, at least 0. @default 1e-7 */
  epsilon?: number;
}

/** Options that it has unless it is given others. */
export const ADAGRAD_DEFAULTS = { initialAccumulator: 0.1, epsilon: 1e-7 } as const;

export interface AdagradState {
  /** s_t, [coordinates]. */
  readonly squares: Float32Array;
}

/**
 * Adagrad (Duchi, Hazan and Singer 2011, "Adaptive subgradient methods for online learning and stochastic
 * optimization"). Defaults, and ε inside the root, are optax's; PyTorch starts from s_0 = 0 with 1e-10 outside it:
 *
 *     s_t = s_{t−1} + ∇_t²
 *     g_t = −α ∇_t / √(s_t + ε), or 0 if s_t = 0
 */
export function adagrad({
  learningRate,
  initialAccumulator = ADAGRAD_DEFAULTS.initialAccumulator,
  epsilon = ADAGRAD_DEFAULTS.epsilon,
}: AdagradOptions): Optimizer<AdagradState> {
  const name = 'adagrad';
  requirePositive(name, 'learningRate', learningRate);
  requireNonNegative(name, 'initialAccumulator', initialAccumulator);
  requireNonNegative(name, 'epsilon', epsilon);
  return {
    name,
    init: (coordinates) => ({ squares: new Float32Array(coordinates).fill(initialAccumulator) }),
    update(gradient, state) {
      const squares = new Float32Array(gradient.length);
      const updates = new Float32Array(gradient.length);
      for (let i = 0; i < gradient.length; i++) {
        const slope = gradient[i]!;
        const sum = state.squares[i]! + slope * slope;
        squares[i] = sum;
        updates[i] = sum === 0 ? 0 : (-learningRate * slope) / Math.sqrt(sum + epsilon);
      }
      return { updates, state: { squares } };
    },
  };
}
