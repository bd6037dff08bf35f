/** Which of its backends TensorFlow.js computes with: one setting for the whole thread. */
import type { Tf } from '../problems/problem.js';

/** Makes a backend that was set before the one that computes, at once. */
export function useBackend(tf: Tf, name: string): void {
  // of a backend that is there already, the setting takes effect before the promise is settled
  if (tf.getBackend() !== name) void tf.setBackend(name);
}
