import { adagrad } from './adagrad.js';
import { adam } from './adam.js';
import { momentum } from './momentum.js';
import { nesterov } from './nesterov.js';
import type { LearningRate, Optimizer } from './optimizer.js';
import { rmsprop } from './rmsprop.js';
import { rprop } from './rprop.js';
import { sgd } from './sgd.js';

/** The hand-designed optimizers that learned ones are compared with. */
export type BaselineName = 'sgd' | 'momentum' | 'nag' | 'adagrad' | 'rmsprop' | 'rprop' | 'adam';

/** Makes a baseline with its usual options. Callers only pass its state back to `update`. */
export type BaselineFactory = (options: LearningRate) => Optimizer<unknown>;

/** Every baseline by name, in the order in which reports list them. */
export const BASELINES: Readonly<Record<BaselineName, BaselineFactory>> = {
  sgd,
  momentum,
  nag: nesterov,
  adagrad,
  rmsprop,
  rprop,
  adam,
};
