import { type LearningRate, type Optimizer, requirePositive } from './optimizer.js';

/** `learningRate` is the first step size Δ_0. */
export interface RpropOptions extends LearningRate {
  /** η⁻, in (0, 1): the factor of a step size after the gradient changed its sign. @default 0.5 */
  etaMinus?: number;
  /** η⁺, above 1: the factor of a step size after the gradient kept its sign. @default 1.2 */
  etaPlus?: number;
  /** Δ_min, positive. @default 1e-6 */
  minStepSize?: number;
  /** Δ_max, at least Δ_min. @default 50 */
  maxStepSize?: number;
}

/** Options that it has unless it is given others. */
export const RPROP_DEFAULTS = { etaMinus: 0.5, etaPlus: 1.2, minStepSize: 1e-6, maxStepSize: 50 } as const;

export interface RpropState {
  /** Δ_t, [coordinates]. */
  readonly stepSizes: Float32Array;
  /** The sign of ∇_t, or 0 if the step was withheld, [coordinates]. */
  readonly signs: Float32Array;
}

/**
 * Rprop (Riedmiller and Braun 1993, "A direct adaptive method for faster backpropagation learning: the RPROP
 * algorithm") in the variant iRprop⁻ (Igel and Hüsken 2000), as in PyTorch:
 *
 *     Δ_t = clip(Δ_{t−1} · (η⁺ if ∇_{t−1}∇_t > 0, η⁻ if ∇_{t−1}∇_t < 0, else 1), Δ_min, Δ_max)
 *     ∇_t ← 0 if ∇_{t−1}∇_t < 0
 *     g_t = −Δ_t sign ∇_t
 *
 * The bounds are optax's and PyTorch's. optax 0.2.8 computes the same Δ_t and g_t, but returns g_t one step late.
 */
export function rprop({
  learningRate,
  etaMinus = RPROP_DEFAULTS.etaMinus,
  etaPlus = RPROP_DEFAULTS.etaPlus,
  minStepSize = RPROP_DEFAULTS.minStepSize,
  maxStepSize = RPROP_DEFAULTS.maxStepSize,
}: RpropOptions): Optimizer<RpropState> {
  const name = 'rprop';
  requirePositive(name, 'learningRate', learningRate);
  requirePositive(name, 'minStepSize', minStepSize);
  requirePositive(name, 'maxStepSize', maxStepSize);
  if (!(etaMinus > 0 && etaMinus < 1 && etaPlus > 1)) {
    throw new RangeError(
      `Cannot create rprop: 0 < "etaMinus" < 1 < "etaPlus" is required, got ${etaMinus} and ${etaPlus}`,
    );
  }
  if (minStepSize > maxStepSize) {
    throw new RangeError(
      `Cannot create rprop: "maxStepSize" must be at least "minStepSize" (${minStepSize}), got ${maxStepSize}`,
    );
  }
  return {
    name,
    init: (coordinates) => ({
      stepSizes: new Float32Array(coordinates).fill(learningRate),
      signs: new Float32Array(coordinates),
    }),
    update(gradient, state) {
      const stepSizes = new Float32Array(gradient.length);
      const signs = new Float32Array(gradient.length);
      const updates = new Float32Array(gradient.length);
      for (let i = 0; i < gradient.length; i++) {
        const sign = Math.sign(gradient[i]!);
        const agreement = sign * state.signs[i]!;
        const factor = agreement > 0 ? etaPlus : agreement < 0 ? etaMinus : 1;
        const size = Math.min(Math.max(state.stepSizes[i]! * factor, minStepSize), maxStepSize);
        stepSizes[i] = size;
        signs[i] = agreement < 0 ? 0 : sign;
        updates[i] = agreement < 0 ? 0 : -size * sign;
      }
      return { updates, state: { stepSizes, signs } };
    },
  };
}
