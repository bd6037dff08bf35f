import { type LearningRate, type Optimizer, requireDecay, requirePositive } from './optimizer.js';

export interface AdamOptions extends LearningRate {
  /** β₁, in [0, 1). @default 0.9 */
  beta1?: number;
  /** β₂, in [0, 1). @default 0.999 */
  beta2?: number;
  /** ε, positive. @default 1e-8 */
  epsilon?: number;
}

export interface AdamState {
  /** m_t, [coordinates]. */
  readonly firstMoments: Float32Array;
  /** v_t, [coordinates]. */
  readonly secondMoments: Float32Array;
  /** β₁^t as a running product, because the accuracy of Math.pow depends on the implementation. */
  readonly beta1Power: number;
  /** β₂^t, likewise. */
  readonly beta2Power: number;
}

/** Options that it has unless it is given others. */
export const ADAM_DEFAULTS = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } as const;

/**
 * Adam (Kingma and Ba 2014, arXiv 1412.6980, algorithm 1), ε outside the root:
 *
 *     m_t = β₁ m_{t−1} + (1 − β₁) ∇_t
 *     v_t = β₂ v_{t−1} + (1 − β₂) ∇_t²
 *     g_t = −α (m_t / (1 − β₁^t)) / (√(v_t / (1 − β₂^t)) + ε)
 */
export function adam({
  learningRate,
  beta1 = ADAM_DEFAULTS.beta1,
  beta2 = ADAM_DEFAULTS.beta2,
  epsilon = ADAM_DEFAULTS.epsilon,
}: AdamOptions): Optimizer<AdamState> {
  const name = 'adam';
  requirePositive(name, 'learningRate', learningRate);
  requireDecay(name, 'beta1', beta1);
  requireDecay(name, 'beta2', beta2);
  requirePositive(name, 'epsilon', epsilon);
  return {
    name,
    init: (coordinates) => ({
      firstMoments: new Float32Array(coordinates),
      secondMoments: new Float32Array(coordinates),
      beta1Power: 1,
      beta2Power: 1,
    }),
    update(gradient, state) {
      const firstMoments = new Float32Array(gradient.length);
      const secondMoments = new Float32Array(gradient.length);
      const updates = new Float32Array(gradient.length);
      const beta1Power = state.beta1Power * beta1;
      const beta2Power = state.beta2Power * beta2;
      for (let i = 0; i < gradient.length; i++) {
        const slope = gradient[i]!;
        const m = beta1 * state.firstMoments[i]! + (1 - beta1) * slope;
        const v = beta2 * state.secondMoments[i]! + (1 - beta2) * slope * slope;
        firstMoments[i] = m;
        secondMoments[i] = v;
        updates[i] = (-learningRate * (m / (1 - beta1Power))) / (Math.sqrt(v / (1 - beta2Power)) + epsilon);
      }
      return { updates, state: { firstMoments, secondMoments, beta1Power, beta2Power } };
    },
  };
}
