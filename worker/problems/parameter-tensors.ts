/** The tensors that θ is made of. */
import type { Key } from '../../shared/random.js';
import type { ParameterTensor, Problems } from './problem.js';

/**
 * The tensors that a problem's θ is made of, in order, each row by row; their sizes add up to its coordinates. Those of
 * a mixture differ between episodes.
 *
 * @param key the episode's key, which picks the component of a mixture; throws TypeError if a mixture gets none
 */
export function parametersOf(
  { coordinates, parameters, mixture }: Pick<Problems, 'coordinates' | 'parameters' | 'mixture'>,
  key?: Key,
): readonly ParameterTensor[] {
  if (!mixture) return parameters ?? [{ name: 'theta', shape: [coordinates] }];
  if (!key) throw new TypeError('Cannot tell the tensors of θ: a mixture needs the key of an episode, got none');
  return parametersOf(mixture.components[mixture.pick(key)]!, key);
}

/** The number of coordinates in a tensor of θ. */
export function sizeOf({ shape }: ParameterTensor): number {
  return shape.reduce((product, length) => product * length, 1);
}

/** The tensors in words, as in "weights [10], bias [1]". */
export function tensorsText(tensors: readonly ParameterTensor[]): string {
  return tensors.map(({ name, shape }) => `${name} [${shape.join(', ')}]`).join(', ');
}
