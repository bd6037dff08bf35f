/** The reference engine: slow, plain and automatically differentiated; the other engines are compared with it. */
import { seedKey } from '../../../shared/random.js';
import { useBackend } from '../../devices/backend.js';
import type { Gradient, HessianProduct, Problems, Tf } from '../../problems/problem.js';
import { speedUpFilterGradient } from './filter-gradient.js';
import { checkHessian, createTensorHessian } from './hessian.js';
import { TensorEngine, type TensorEngineOptions } from './tensor-engine.js';
import { createTensorGradient } from './tensor-gradient.js';

/** Options of the reference engine. */
export type ReferenceEngineOptions = Omit<TensorEngineOptions, 'tf' | 'name' | 'kernel' | 'device'>;

/** Problems whose Hessian is checked: a single one might lie on a kink. */
const CHECKED = 4;

/** Loads TensorFlow.js, which takes a second, and makes the reference engine on its own CPU backend. */
export async function createReferenceEngine(options: ReferenceEngineOptions): Promise<TensorEngine> {
  const tf = await loadTf();
  useBackend(tf, 'cpu');
  return new TensorEngine({ ...options, tf, name: 'reference' });
}

/** The gradient of a family that states only its tensor loss. */
export async function loadTensorGradient(problems: Problems): Promise<Gradient> {
  return createTensorGradient(await loadTf(), problems);
}

/** H·v of a family that states only its tensor loss; throws LoptError if tfjs cannot differentiate it twice. */
export async function loadTensorHessian(problems: Problems): Promise<HessianProduct> {
  const tf = await loadTf();
  const key = seedKey(0);
  const { theta, data } = problems.draw(key, CHECKED, 'train');
  await checkHessian(tf, problems, theta, { count: CHECKED, data, key, split: 'train' }, 0);
  return createTensorHessian(tf, problems);
}

async function loadTf(): Promise<Tf> {
  const tf = await import('@tensorflow/tfjs');
  // without it tfjs advertises its other backends on standard error
  tf.enableProdMode();
  await tf.setBackend('cpu');
  speedUpFilterGradient(tf);
  return tf;
}
