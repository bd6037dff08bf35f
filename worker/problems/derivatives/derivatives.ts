/** The derivatives of a family on typed arrays: its closed forms, or else its tensor loss differentiated by TensorFlow.js. */
import { seedKey } from '../../../shared/random.js';
import type { Tf } from '../../devices/backend.js';
import type { Gradient, HessianProduct, Problems } from '../problem.js';
import { speedUpFilterGradient } from './filter-gradient.js';

/** Problems whose Hessian is checked: a single one might lie on a kink. */
const CHECKED = 4;

/** A family's gradient: the closed form if it has one, otherwise its differentiated tensor loss. */
export async function gradientOf(problems: Problems): Promise<Gradient> {
  return problems.createGradient?.() ?? tensorGradientOf(problems);
}

/**
 * A family's H·v: the closed form if it has one, otherwise its tensor loss differentiated twice. Throws LoptError if
 * TensorFlow.js cannot do that.
 */
export async function hessianOf(problems: Problems): Promise<HessianProduct> {
  if (problems.createHessian) return problems.createHessian();
  const tf = await loadTf();
  const { checkHessian, createTensorHessian } = await import('./hessian.js');
  const key = seedKey(0);
  const { theta, data } = problems.draw(key, CHECKED, 'train');
  await checkHessian(tf, problems, theta, { count: CHECKED, data, key, split: 'train' }, 0);
  return createTensorHessian(tf, problems);
}

/** The gradient of a family's tensor loss, whether or not it has a closed form. */
export async function tensorGradientOf(problems: Problems): Promise<Gradient> {
  const tf = await loadTf();
  const { createTensorGradient } = await import('./tensor-gradient.js');
  return createTensorGradient(tf, problems);
}

/** Loads TensorFlow.js, which takes a second, on its own CPU backend. */
export async function loadTf(): Promise<Tf> {
  const tf = await import('@tensorflow/tfjs');
  // without it tfjs advertises its other backends on standard error
  tf.enableProdMode();
  await tf.setBackend('cpu');
  speedUpFilterGradient(tf);
  return tf;
}
