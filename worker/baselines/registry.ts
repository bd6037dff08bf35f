import { adagrad } from './adagrad.js';
import { adam } from './adam.js';
import { momentum } from './momentum.js';
import { nesterov } from './nesterov.js';
import type { LearningRate, Optimizer } from './optimizer.js';
import { rmsprop } from './rmsprop.js';
import { rprop } from './rprop.js';
import { sgd } from './sgd.js';

/** The hand-designed optimizers that a learned one is held against. */
export type OptimizerName = 'sgd' | 'momentum' | 'nag' | 'adagrad' | 'rmsprop' | 'rprop' | 'adam';

/** Makes an optimizer with its usual options. The state is the optimizer's own: callers only hand it back to `update`. */
export type OptimizerFactory = (options: LearningRate) => Optimizer<unknown>;

/** Every hand-designed optimizer by name, in the order in which reports list them. */
export const OPTIMIZERS: Readonly<Record<OptimizerName, OptimizerFactory>> = {
  sgd,
  momentum,
  nag: nesterov,
  adagrad,
  rmsprop,
  rprop,
  adam,
};
