/** The derivatives of a family on typed arrays: its closed forms, or else its tensor loss differentiated by TensorFlow.js. */
import { seedKey } from '../../../shared/random.js';
import type { Tf } from '../../devices/backend.js';
import { nativeFault } from '../../devices/native/load.js';
import type { ClosedForms, Gradient, HessianProduct, Problems } from '../problem.js';
import { speedUpFilterGradient } from './filter-gradient.js';

/** Problems whose Hessian is checked: a single one might lie on a kink. */
const CHECKED = 4;

/** What the closed forms of a run are computed by: in C if the run's engine is native and is to be had. */
export function closedFormsOf({ engine }: { readonly engine: string }): ClosedForms {
  return engine === 'native' && nativeFault() === undefined ? 'native' : 'wasm';
}

/** A family's gradient: the closed form if it has one, otherwise its differentiated tensor loss. */
export async function gradientOf(problems: Problems, forms: ClosedForms = 'wasm'): Promise<Gradient> {
  return problems.createGradient?.(forms) ?? tensorGradientOf(problems);
}

/**
 * A family's H·v: the closed form if it has one, otherwise its tensor loss differentiated twice. Throws LoptError if
 * TensorFlow.js cannot do that.
 */
export async function hessianOf(problems: Problems, forms: ClosedForms = 'wasm'): Promise<HessianProduct> {
  if (problems.createHessian) return problems.createHessian(forms);
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
