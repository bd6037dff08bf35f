/** Makes TensorFlow.js able to differentiate a gradient once more. */
import type * as tfjs from '@tensorflow/tfjs';
import type { Tf } from '../problem.js';

/** A kernel whose gradient reads the kernel's output, and how to compute that from the input. */
interface OutputReader {
  kernelName: string;
  input: string;
  output(tf: Tf, input: tfjs.Tensor, attributes: { dim: number }): tfjs.Tensor;
}

const OUTPUT_READERS: readonly OutputReader[] = [
  { kernelName: 'Exp', input: 'x', output: (tf, x) => tf.exp(x) },
  { kernelName: 'Sigmoid', input: 'x', output: (tf, x) => tf.sigmoid(x) },
  { kernelName: 'Tanh', input: 'x', output: (tf, x) => tf.tanh(x) },
  { kernelName: 'Softmax', input: 'logits', output: (tf, logits, { dim }) => tf.softmax(logits, dim) },
];

const COMPARISONS: Readonly<Record<string, string[]>> = {
  Equal: ['a', 'b'],
  NotEqual: ['a', 'b'],
  Greater: ['a', 'b'],
  GreaterEqual: ['a', 'b'],
  Less: ['a', 'b'],
  LessEqual: ['a', 'b'],
  LogicalAnd: ['a', 'b'],
  LogicalOr: ['a', 'b'],
  LogicalNot: ['x'],
};

/** The attributes of a convolution with channels last. */
interface Convolution {
  strides: [number, number];
  pad: 'valid' | 'same' | number;
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

/** The gradient of a convolution's filter is linear in the images and in the slopes: its gradients are convolutions. */
function registerFilterGradient(tf: Tf): void {
  if (tf.getGradient('Conv2DBackpropFilter')) return;
  tf.registerGradient({
    kernelName: 'Conv2DBackpropFilter',
    inputsToSave: ['x', 'dy'],
    gradFunc(filter, saved, attributes) {
      const [x, dy] = saved as [tfjs.Tensor4D, tfjs.Tensor4D];
      const { strides, pad, dimRoundingMode } = attributes as unknown as Convolution;
      const upstream = filter as tfjs.Tensor4D;
      return {
        x: () => tf.conv2dTranspose(dy, upstream, x.shape, strides, pad, dimRoundingMode),
        dy: () => tf.conv2d(x, upstream, strides, pad, 'NHWC', 1, dimRoundingMode),
      };
    },
  });
}

/**
 * Registers gradients that can themselves be differentiated; first derivatives keep their bits. `checkHessian` finds
 * the operations that this does not cover.
 */
export function makeTwiceDifferentiable(tf: Tf): void {
  for (const { kernelName, input, output } of OUTPUT_READERS) {
    const gradient = tf.getGradient(kernelName);
    if (!gradient?.outputsToSave) continue;
    // tfjs puts the copy of a saved output on its tape before the output itself, and so loses its dependence on the
    // input: the second derivative silently lacks that part. Copies of inputs are in the right place.
    tf.registerGradient({
      kernelName,
      inputsToSave: [input],
      gradFunc: (dy, [x], attributes) =>
        gradient.gradFunc(dy, [output(tf, x!, attributes as { dim: number })], attributes),
    });
  }
  for (const [kernelName, inputs] of Object.entries(COMPARISONS)) {
    if (tf.getGradient(kernelName)) continue;
    // constant almost everywhere; the gradients of max, where and the like use comparisons
    tf.registerGradient({
      kernelName,
      inputsToSave: inputs,
      gradFunc: (_, saved) => Object.fromEntries(inputs.map((name, i) => [name, () => tf.zeros(saved[i]!.shape)])),
    });
  }
  registerFilterGradient(tf);
}
