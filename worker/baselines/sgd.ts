import { type LearningRate, type Optimizer, requirePositive } from './optimizer.js';

export type SgdOptions = LearningRate;

/** Gradient descent has no state. */
export type SgdState = Readonly<Record<string, never>>;

/**
 * Gradient descent (Robbins and Monro 1951, "A stochastic approximation method"):
 *
 *     g_t = −α ∇_t
 */
export function sgd({ learningRate }: SgdOptions): Optimizer<SgdState> {
  const name = 'sgd';
  requirePositive(name, 'learningRate', learningRate);
  return {
    name,
    init: () => ({}),
    update(gradient, state) {
      return { updates: gradient.map((slope) => -learningRate * slope), state };
    },
  };
}
