/** Steps of the hand-designed optimizers in C, with the bits of those in JavaScript. */

import type { Walk } from '../../../shared/walk.js';
import { loadNative } from '../../devices/native/load.js';
import { ADAGRAD_DEFAULTS } from '../adagrad.js';
import { ADAM_DEFAULTS } from '../adam.js';
import { MOMENTUM_DEFAULTS } from '../momentum.js';
import type { BaselineName } from '../registry.js';
import { RMSPROP_DEFAULTS } from '../rmsprop.js';
import { RPROP_DEFAULTS } from '../rprop.js';

/** What binding.c adds to the addon. */
interface Binding {
  baselineStep(
    set: number,
    optimizer: number,
    numbers: Float64Array,
    gradient: Float32Array,
    theta: Float32Array,
    first: Float32Array,
    second: Float32Array,
  ): void;
}

/** In the order of steps.h. */
const CODES: readonly BaselineName[] = ['sgd', 'momentum', 'nag', 'adagrad', 'rmsprop', 'rprop', 'adam'];

/** Length of `numbers` in steps.h. */
const NUMBERS = 7;

/** The options beside the learning rate, in the order of passes.c. */
const OPTIONS: Readonly<Record<BaselineName, readonly number[]>> = {
  sgd: [],
  momentum: [MOMENTUM_DEFAULTS.momentum],
  nag: [MOMENTUM_DEFAULTS.momentum],
  adagrad: [ADAGRAD_DEFAULTS.epsilon],
  rmsprop: [RMSPROP_DEFAULTS.decay, RMSPROP_DEFAULTS.epsilon],
  rprop: [RPROP_DEFAULTS.etaMinus, RPROP_DEFAULTS.etaPlus, RPROP_DEFAULTS.minStepSize, RPROP_DEFAULTS.maxStepSize],
  adam: [ADAM_DEFAULTS.beta1, ADAM_DEFAULTS.beta2, ADAM_DEFAULTS.epsilon],
};

/** What the state begins with if that is not 0. */
const FIRST: Partial<Record<BaselineName, (learningRate: number) => number>> = {
  adagrad: () => ADAGRAD_DEFAULTS.initialAccumulator,
  rprop: (learningRate) => learningRate,
};

/**
 * A baseline with its usual options, which walks in place. Throws LoptError with the remedy if there are no native kernels
 * here.
 */
export function nativeWalk(name: BaselineName, learningRate: number): (coordinates: number) => Walk {
  const { addon, set } = loadNative<Binding>();
  const code = CODES.indexOf(name);
  return (coordinates) => {
    const first = new Float32Array(coordinates).fill(FIRST[name]?.(learningRate) ?? 0);
    const second = new Float32Array(coordinates);
    const numbers = new Float64Array(NUMBERS);
    numbers.set([learningRate, ...OPTIONS[name]]);
    const powers = [1, 1];
    return (gradient, theta) => {
      if (name === 'adam') {
        powers[0]! *= ADAM_DEFAULTS.beta1;
        powers[1]! *= ADAM_DEFAULTS.beta2;
        numbers.set([1 - powers[0]!, 1 - powers[1]!], 4);
      }
      addon.baselineStep(set, code, numbers, gradient, theta, first, second);
    };
  };
}
