/** The backend that TensorFlow.js computes with, one for the whole thread. */
import type { Tf } from '../problems/problem.js';

/** Switches at once to a backend that has been set before. */
export function useBackend(tf: Tf, name: string): void {
  // for an initialized backend the switch takes effect before the promise settles
  if (tf.getBackend() !== name) void tf.setBackend(name);
}
