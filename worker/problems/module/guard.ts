/** Wraps the problems of a module, so that a later fault ends the run with one clear sentence. */
import type * as tfjs from '@tensorflow/tfjs';
import type { Draw, Gradient, HessianProduct, Problems } from '../problem.js';
import { callModule, kindOf, moduleFault, thrownFault } from './fault.js';
import { checkParameters } from './parameters.js';

/**
 * Checks what `configure` returned, and guards it: whatever its functions throw names the module, and the shapes of
 * their results are checked.
 */
export function guardProblems(path: string, given: unknown): Problems {
  checkProblems(path, given);
  const { coordinates, dataHashes, stationary } = given;
  const parameters = checkParameters(path, given.parameters, coordinates);
  return {
    coordinates,
    ...(parameters ? { parameters } : {}),
    ...(dataHashes ? { dataHashes } : {}),
    ...(stationary === undefined ? {} : { stationary }),
    draw(key, count, split) {
      const draw: unknown = callModule(path, 'draw() must return', () => given.draw(key, count, split));
      checkDraw(path, draw, count, coordinates);
      return draw;
    },
    loss(tf, theta, batch, step) {
      const must = `loss() must return at step ${step}`;
      const losses: unknown = callModule(path, must, () => given.loss(tf, theta, batch, step));
      checkLosses(path, losses, batch.count);
      return losses;
    },
    ...(given.createGradient ? { createGradient: () => guardGradient(path, given) } : {}),
    ...(given.createHessian ? { createHessian: () => guardHessian(path, given) } : {}),
  };
}

function guardGradient(path: string, given: Problems): Gradient {
  const gradientOf = madeBy(path, 'createGradient', () => given.createGradient!());
  return (theta, batch, step, gradient, losses) => {
    try {
      gradientOf(theta, batch, step, gradient, losses);
    } catch (cause) {
      throw thrownFault(path, `the closed-form gradient must return at step ${step}`, cause);
    }
  };
}

function guardHessian(path: string, given: Problems): HessianProduct {
  const productOf = madeBy(path, 'createHessian', () => given.createHessian!());
  return (theta, vector, batch, step, product) => {
    try {
      productOf(theta, vector, batch, step, product);
    } catch (cause) {
      throw thrownFault(path, `the Hessian-vector product must return at step ${step}`, cause);
    }
  };
}

/** Calls a function of the module that must return a function. */
function madeBy<Made>(path: string, name: string, make: () => Made): Made {
  const made = callModule(path, `${name}() must return`, make);
  if (typeof made === 'function') return made;
  throw moduleFault(path, `${name}() must return a function, got ${kindOf(made)}`);
}

function checkProblems(path: string, given: unknown): asserts given is Problems {
  if (typeof given !== 'object' || given === null) {
    throw moduleFault(path, `configure() must resolve to an object, got ${kindOf(given)}`);
  }
  const { coordinates, draw, loss, stationary, createGradient, createHessian, dataHashes } = given as Readonly<
    Record<string, unknown>
  >;
  const must = (right: boolean, name: string, requirement: string, found: unknown) => {
    if (!right) throw moduleFault(path, `configure() must give ${requirement} as "${name}", got ${kindOf(found)}`);
  };
  must(Number.isSafeInteger(coordinates) && Number(coordinates) > 0, 'coordinates', 'a positive integer', coordinates);
  must(typeof draw === 'function', 'draw', 'a function', draw);
  must(typeof loss === 'function', 'loss', 'a function', loss);
  must(['boolean', 'undefined'].includes(typeof stationary), 'stationary', 'true, false or undefined', stationary);
  for (const [name, found] of Object.entries({ createGradient, createHessian })) {
    must(found === undefined || typeof found === 'function', name, 'a function or undefined', found);
  }
  const areStrings = Object.values(dataHashes ?? {}).every((hash) => typeof hash === 'string');
  must(
    areStrings && typeof (dataHashes ?? {}) === 'object',
    'dataHashes',
    'an object of strings or undefined',
    dataHashes,
  );
}

function checkDraw(path: string, draw: unknown, count: number, coordinates: number): asserts draw is Draw {
  const { theta, data } = Object(draw) as { theta?: unknown; data?: unknown };
  if (theta === undefined && data === undefined) {
    throw moduleFault(path, `draw() must return an object with "theta" and "data", got ${kindOf(draw)}`);
  }
  const length = count * coordinates;
  if (!(theta instanceof Float32Array) || theta.length !== length) {
    const wanted = `a Float32Array of ${count} problems × ${coordinates} coordinates = ${length}`;
    throw moduleFault(path, `draw() must return "theta" as ${wanted}, got ${kindOf(theta)}`);
  }
  if (data instanceof Float32Array) return;
  throw moduleFault(path, `draw() must return "data" as a Float32Array, possibly empty, got ${kindOf(data)}`);
}

function checkLosses(path: string, losses: unknown, count: number): asserts losses is tfjs.Tensor1D {
  const { shape } = Object(losses) as { shape?: unknown };
  if (Array.isArray(shape) && shape.length === 1 && shape[0] === count) return;
  const found = Array.isArray(shape) ? `one of shape [${shape.join(', ')}]` : kindOf(losses);
  throw moduleFault(path, `loss() must return a tensor of shape [${count}], one loss per problem, got ${found}`);
}
