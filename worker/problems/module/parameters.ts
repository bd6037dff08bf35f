/** Checks the tensors of θ that a module names. */
import { show } from '../../../shared/check.js';
import { sizeOf, tensorsText } from '../parameter-tensors.js';
import type { ParameterTensor } from '../problem.js';
import { kindOf, moduleFault } from './fault.js';

/**
 * A checked copy of the "parameters" that `configure` gave; undefined if it gave none. Throws FileError, one sentence
 * that names the tensor, unless every tensor has a unique name and a shape, and their sizes add up to the coordinates.
 */
export function checkParameters(
  path: string,
  given: unknown,
  coordinates: number,
): readonly ParameterTensor[] | undefined {
  if (given === undefined) return undefined;
  if (!Array.isArray(given)) {
    throw moduleFault(
      path,
      `configure() must give a list of tensors or undefined as "parameters", got ${kindOf(given)}`,
    );
  }
  const tensors = given.map((tensor: unknown, index) => checkTensor(path, tensor, index + 1));
  const names = tensors.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) {
    throw moduleFault(path, `"parameters" must give every tensor a unique name, got ${show(twice)} twice`);
  }
  const total = tensors.reduce((sum, tensor) => sum + sizeOf(tensor), 0);
  if (total === coordinates) return tensors;
  const found = `${total}${tensors.length > 0 ? ` in ${tensorsText(tensors)}` : ''}`;
  throw moduleFault(path, `the sizes of "parameters" must add up to "coordinates", ${coordinates}, got ${found}`);
}

/** @param position counted from 1 */
function checkTensor(path: string, tensor: unknown, position: number): ParameterTensor {
  if (typeof tensor !== 'object' || tensor === null) {
    const requirement = 'must be an object with "name" and "shape"';
    throw moduleFault(path, `tensor ${position} of "parameters" ${requirement}, got ${kindOf(tensor)}`);
  }
  const { name, shape } = tensor as Readonly<Record<string, unknown>>;
  if (typeof name !== 'string' || name === '') {
    const requirement = 'must have a string such as "layer_1/weights" as its "name"';
    throw moduleFault(path, `tensor ${position} of "parameters" ${requirement}, got ${kindOf(name)}`);
  }
  if (!isShape(shape)) {
    const found = Array.isArray(shape) ? show(shape) : kindOf(shape);
    const requirement = 'must have a list of positive integers such as [784, 20] as its "shape"';
    throw moduleFault(path, `tensor ${show(name)} of "parameters" ${requirement}, got ${found}`);
  }
  return { name, shape: [...shape] };
}

function isShape(shape: unknown): shape is readonly number[] {
  return Array.isArray(shape) && shape.length > 0 && shape.every((size) => Number.isSafeInteger(size) && size > 0);
}
