/** The loss of a classifier. */
import type * as tfjs from '@tensorflow/tfjs';
import type { Tf } from './problem.js';

/** The mean over the images of ln Σ_k e^{z_k} − z_label: logits [P × batch × classes], labels [P × batch]; returns [P]. */
export function meanCrossEntropy(tf: Tf, logits: tfjs.Tensor3D, labels: Int32Array): tfjs.Tensor1D {
  const target = tf.reshape(tf.oneHot(tf.tensor1d(labels, 'int32'), logits.shape[2]), logits.shape);
  const chosen = tf.sum(tf.mul(logits, tf.cast(target, 'float32')), 2);
  return tf.mean<tfjs.Tensor1D>(tf.sub(tf.logSumExp(logits, 2), chosen), 1);
}
