/** What becomes of the directions of `celo2`: normalised steps of matrices, and Adam's of vectors. */
import type { MlpConfig } from '../../../shared/architectures/mlp.js';
import type { KernelMemory } from '../../devices/kernel-memory.js';
import type { Clock } from '../layout.js';
import { orthogonalised } from './newton-schulz.js';
import { MEAN_DECAYS, power, RULE_NUMBERS } from './numbers.js';
import type { PlacedTensor } from './placement.js';

/** Turns the directions in a matrix's updates into a step whose root mean square is `rate`. */
export function turnedUpdates({ updates, rows, columns }: PlacedTensor, config: MlpConfig, rate: number): void {
  const directions = Float64Array.from(updates);
  const turned = config.orthogonalise ? orthogonalised(directions, { rows, columns }) : directions;
  let sum = 0;
  for (let i = 0; i < turned.length; i++) sum += turned[i]! * turned[i]!;
  const factor = -rate / Math.sqrt(sum / turned.length + RULE_NUMBERS.celo2.epsilon.norm);
  for (let i = 0; i < turned.length; i++) updates[i] = factor * turned[i]!;
}

/** Writes Adam's step of a vector, from the running means that it has already. */
export function adamVector({ args, updates }: PlacedTensor, memory: KernelMemory, clock: Clock, rate: number): void {
  const [, , means, stride] = args;
  const first = memory.floats(means, updates.length);
  const square = memory.floats(means + 12 * stride, updates.length);
  const count = clock.step + 1;
  const [m, v] = [1 - power(MEAN_DECAYS[0], count), 1 - power(RULE_NUMBERS.celo2.squareDecay, count)];
  for (let i = 0; i < updates.length; i++) {
    updates[i] = (-rate * (first[i]! / m)) / (Math.sqrt(square[i]! / v) + 1e-8);
  }
}
