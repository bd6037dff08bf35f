/** The reference engine: slow, plain and automatically differentiated; what other engines are compared with. */
import type { Gradient, Problems, Tf } from '../../problems/problem.js';
import { useBackend } from './backend.js';
import { speedUpFilterGradient } from './filter-gradient.js';
import { TensorEngine, type TensorEngineOptions } from './tensor-engine.js';
import { createTensorGradient } from './tensor-gradient.js';

/** Options of the reference engine. */
export type ReferenceEngineOptions = Omit<TensorEngineOptions, 'tf' | 'name' | 'kernel' | 'device'>;

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

async function loadTf(): Promise<Tf> {
  const tf = await import('@tensorflow/tfjs');
  // without it tfjs advertises its other backends on standard error
  tf.enableProdMode();
  await tf.setBackend('cpu');
  speedUpFilterGradient(tf);
  return tf;
}
