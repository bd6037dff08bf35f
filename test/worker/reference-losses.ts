/** The families' losses once more, in float64 and as plainly as can be: the reference of the tests. */
import { fillMinibatch, loadMnist } from '../../worker/problems/mnist.js';
import type { Batch, OptionValues } from '../../worker/problems/problem.js';

/** f_t of problem p of a batch at one θ. */
export type ReferenceLoss = (theta: Float64Array, batch: Batch, step: number, problem: number) => number;

export function referenceLoss(family: string, options: OptionValues): ReferenceLoss {
  if (family === 'simple') return ([x]) => x! * x!;
  return family === 'quadratic' ? quadraticLoss : mlpLoss(options);
}

const quadraticLoss: ReferenceLoss = (theta, { data }, _step, problem) => {
  const d = theta.length;
  const w = data.subarray(problem * (d * d + d));
  let sum = 0;
  for (let i = 0; i < d; i++) {
    const product = theta.reduce((total, x, j) => total + w[i * d + j]! * x, 0);
    sum += (product - w[d * d + i]!) ** 2;
  }
  return sum;
};

const activations: Record<string, (x: number) => number> = {
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  tanh: Math.tanh,
  relu: (x) => Math.max(x, 0),
};

function mlpLoss(options: OptionValues): ReferenceLoss {
  const sizes = [784, ...(options['hidden'] as number[]), 10];
  const activation = activations[options['activation'] as string]!;
  const size = options['batch'] as number;
  return (theta, { key, split }, step, problem) => {
    const images = loadMnist().splits[split];
    const minibatch = new Uint32Array(size);
    fillMinibatch(key, problem, step, images.count, minibatch);
    let total = 0;
    for (const image of minibatch) {
      let a = Array.from(images.pixels.subarray(image * 784, (image + 1) * 784), (byte) => byte / 255);
      let at = 0;
      for (let l = 1; l < sizes.length; l++) {
        const [inputs, outputs] = [sizes[l - 1]!, sizes[l]!];
        const z = Array.from(theta.subarray(at + inputs * outputs, at + (inputs + 1) * outputs));
        for (let i = 0; i < inputs; i++) {
          if (a[i] !== 0) for (let o = 0; o < outputs; o++) z[o]! += a[i]! * theta[at + i * outputs + o]!;
        }
        at += (inputs + 1) * outputs;
        a = l < sizes.length - 1 ? z.map(activation) : z;
      }
      const largest = Math.max(...a);
      const sum = a.reduce((partial, z) => partial + Math.exp(z - largest), 0);
      total += Math.log(sum) + largest - a[images.labels[image]!]!;
    }
    return total / size;
  };
}
