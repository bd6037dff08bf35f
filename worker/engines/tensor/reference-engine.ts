/** The reference engine: slow, plain and automatically differentiated; the other engines are compared with it. */
import { useBackend } from '../../devices/backend.js';
import { loadTf } from '../../problems/derivatives/derivatives.js';
import { TensorEngine, type TensorEngineOptions } from './tensor-engine.js';

/** Options of the reference engine. */
export type ReferenceEngineOptions = Omit<TensorEngineOptions, 'tf' | 'name' | 'kernel' | 'device'>;

/** Loads TensorFlow.js, which takes a second, and makes the reference engine on its own CPU backend. */
export async function createReferenceEngine(options: ReferenceEngineOptions): Promise<TensorEngine> {
  const tf = await loadTf();
  useBackend(tf, 'cpu');
  return new TensorEngine({ ...options, tf, name: 'reference' });
}
