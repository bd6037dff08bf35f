import { MOMENTUM_DEFAULTS, type MomentumOptions, type MomentumState } from './momentum.js';
import { type Optimizer, requireDecay, requirePositive } from './optimizer.js';

export type NesterovOptions = MomentumOptions;
export type NesterovState = MomentumState;

/**
 * Nesterov's accelerated gradient (Nesterov 1983) as momentum (Sutskever et al. 2013, "On the importance of
 * initialization and momentum in deep learning"). The stored parameters are the look-ahead
 * point, so the gradient is taken at them, as in optax, PyTorch and TensorFlow:
 *
 *     v_t = ∇_t + μ v_{t−1}
 *     g_t = −α (∇_t + μ v_t)
 */
export function nesterov({
  learningRate,
  momentum: mu = MOMENTUM_DEFAULTS.momentum,
}: NesterovOptions): Optimizer<NesterovState> {
  const name = 'nag';
  requirePositive(name, 'learningRate', learningRate);
  requireDecay(name, 'momentum', mu);
  return {
    name,
    init: (coordinates) => ({ velocity: new Float32Array(coordinates) }),
    update(gradient, state) {
      const velocity = new Float32Array(gradient.length);
      const updates = new Float32Array(gradient.length);
      for (let i = 0; i < gradient.length; i++) {
        const slope = gradient[i]!;
        const v = slope + mu * state.velocity[i]!;
        velocity[i] = v;
        updates[i] = -learningRate * (slope + mu * v);
      }
      return { updates, state: { velocity } };
    },
  };
}
