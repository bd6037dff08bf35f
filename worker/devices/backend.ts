/** The backend that TensorFlow.js computes with, one for the whole thread. */
import type * as tfjs from '@tensorflow/tfjs';

/** TensorFlow.js, as it is loaded for a device. */
export type Tf = typeof tfjs;

/** Switches at once to a backend that has been set before. */
export function useBackend(tf: Tf, name: string): void {
  // for an initialized backend the switch takes effect before the promise settles
  if (tf.getBackend() !== name) void tf.setBackend(name);
}
