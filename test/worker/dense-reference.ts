/** Dense networks once more, in float64 and as plainly as can be: the gradient of the mean loss over a minibatch. */
import { loadImages } from '../../worker/problems/images/load.js';
import { gatherMinibatches } from '../../worker/problems/images/minibatch.js';
import type { Batch, OptionValues } from '../../worker/problems/problem.js';

/** An activation and its derivative, both functions of z. */
interface Activation {
  value: (z: number) => number;
  slope: (z: number) => number;
}

const sigmoid: Activation = {
  value: (z) => 1 / (1 + Math.exp(-z)),
  slope: (z) => 1 / (2 + Math.exp(z) + Math.exp(-z)),
};

const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  sigmoid,
  tanh: { value: Math.tanh, slope: (z) => Math.cosh(z) ** -2 },
  relu: { value: (z) => Math.max(z, 0), slope: (z) => (z > 0 ? 1 : 0) },
};

/** The derivative of an image's loss by each output z, before the mean. */
type Slopes = (z: readonly number[], image: Float32Array, label: number) => number[];

const OBJECTIVES: Readonly<Record<string, Slopes>> = {
  labels(z, _image, label) {
    const powers = z.map((logit) => Math.exp(logit - Math.max(...z)));
    const sum = powers.reduce((partial, power) => partial + power);
    return powers.map((power, k) => power / sum - (k === label ? 1 : 0));
  },
  'squared-error': (z, image) =>
    z.map((logit, i) => (2 * (sigmoid.value(logit) - image[i]!) * sigmoid.slope(logit)) / z.length),
  'cross-entropy': (z, image) => z.map((logit, i) => (sigmoid.value(logit) - image[i]!) / z.length),
};

/** ∇f_t at θ of the first problem of a batch of `mlp` or `autoencoder`. */
export function denseGradient(options: OptionValues, batch: Batch, step: number, theta: Float64Array): Float64Array {
  const set = loadImages(options['folder'] as string | undefined);
  const size = options['batch'] as number;
  const { pixels, labels } = gatherMinibatches(set, { ...batch, count: 1 }, step, size);
  const values = pixels.length / size;
  const objective = (options['loss'] as string | undefined) ?? 'labels';
  const outputs = objective === 'labels' ? set.classes : values;
  const sizes = [values, ...(options['hidden'] as readonly number[]), outputs];
  const { value, slope } = ACTIVATIONS[options['activation'] as string]!;
  const starts = [0];
  for (let l = 0; l + 1 < sizes.length; l++) starts.push(starts[l]! + (sizes[l]! + 1) * sizes[l + 1]!);

  const gradient = new Float64Array(theta.length);
  for (let i = 0; i < size; i++) {
    const image = pixels.subarray(i * values, (i + 1) * values);
    const inputs: number[][] = [[...image]];
    const sums: number[][] = [];
    for (let l = 0; l + 1 < sizes.length; l++) {
      const [x, columns, from] = [inputs[l]!, sizes[l + 1]!, starts[l]!];
      const bias = from + x.length * columns;
      const z = Array.from({ length: columns }, (_, c) =>
        x.reduce((sum, each, row) => sum + each * theta[from + row * columns + c]!, theta[bias + c]!),
      );
      sums.push(z);
      inputs.push(z.map(value));
    }
    let d = OBJECTIVES[objective]!(sums.at(-1)!, image, labels[i]!).map((each) => each / size);
    for (let l = sizes.length - 2; l >= 0; l--) {
      const [x, columns, from] = [inputs[l]!, sizes[l + 1]!, starts[l]!];
      for (const [c, each] of d.entries()) {
        gradient[from + x.length * columns + c]! += each;
        for (const [row, input] of x.entries()) gradient[from + row * columns + c]! += input * each;
      }
      if (l === 0) break;
      const [after, below] = [d, sums[l - 1]!];
      d = below.map(
        (z, row) => slope(z) * after.reduce((sum, each, c) => sum + each * theta[from + row * columns + c]!, 0),
      );
    }
  }
  return gradient;
}
