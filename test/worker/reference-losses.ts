/** The families' losses once more, in float64 and as plainly as can be: the reference of the tests. */
import { fillMinibatch, loadMnist } from '../../worker/problems/mnist.js';
import type { Batch, OptionValues } from '../../worker/problems/problem.js';

/** f_t of problem p of a batch at one θ. */
export type ReferenceLoss = (theta: Float64Array, batch: Batch, step: number, problem: number) => number;

export function referenceLoss(family: string, options: OptionValues): ReferenceLoss {
  return REFERENCES[family]!(options);
}

const REFERENCES: Readonly<Record<string, (options: OptionValues) => ReferenceLoss>> = {
  simple:
    () =>
    ([x]) =>
      x! * x!,
  quadratic: () => (theta, batch, _step, problem) => {
    const data = rowOf(batch, problem);
    return squaredResidual(data, theta.length, theta);
  },
  lasso: (options) => (theta, batch, _step, problem) => {
    const data = rowOf(batch, problem);
    const norm = theta.reduce((sum, x) => sum + Math.abs(x), 0);
    return squaredResidual(data, options['rows'] as number, theta) / 2 + (options['lambda'] as number) * norm;
  },
  rastrigin: (options) => (theta, batch, _step, problem) => {
    const data = rowOf(batch, problem);
    const d = theta.length;
    const alpha = options['alpha'] as number;
    const waves = theta.reduce((sum, x, j) => sum + data[d * d + d + j]! * Math.cos(2 * Math.PI * x), 0);
    return squaredResidual(data, d, theta) / 2 - alpha * waves + alpha * d;
  },
  rosenbrock: () => (theta, batch, _step, problem) => {
    const data = rowOf(batch, problem);
    const b = data[theta.length]!;
    const z = theta.map((x, i) => x - data[i]! + 1);
    let sum = 0;
    for (let i = 1; i < z.length; i++) sum += b * (z[i]! - z[i - 1]! ** 2) ** 2 + (1 - z[i - 1]!) ** 2;
    return sum;
  },
  logistic: (options) => (theta, batch, _step, problem) => {
    const [d, examples] = [options['dimension'] as number, options['examples'] as number];
    const data = rowOf(batch, problem);
    let sum = 0;
    for (let i = 0; i < examples; i++) {
      const x = data.subarray(i * d, (i + 1) * d);
      const score = x.reduce((total, feature, j) => total + feature * theta[j]!, theta[d]!);
      const probability = 1 / (1 + Math.exp(-score));
      sum -= Math.log(i % 2 === 0 ? probability : 1 - probability);
    }
    const square = theta.subarray(0, d).reduce((total, w) => total + w * w, 0);
    return sum / examples + ((options['lambda'] as number) / 2) * square;
  },
  mlp: mlpLoss,
  mix: mixLoss,
};

/** The component is told by its number of coordinates, which must differ from the others'. */
function mixLoss(options: OptionValues): ReferenceLoss {
  const names = (options['families'] as string).split(',').map((part) => part.split('=')[0]!);
  return (theta, batch, step, problem) => {
    const family = names.find((name) => options[`${name}.dimension`] === theta.length)!;
    const own = Object.entries(options).filter(([name]) => name.startsWith(`${family}.`));
    const values = Object.fromEntries(own.map(([name, value]) => [name.slice(family.length + 1), value]));
    return referenceLoss(family, values)(theta, batch, step, problem);
  };
}

/** The data of one problem. */
function rowOf({ data, count }: Batch, problem: number): Float32Array {
  const width = data.length / count;
  return data.subarray(problem * width, (problem + 1) * width);
}

/** ||Wθ − y||² of data that begins with W, row by row, and y. */
function squaredResidual(data: Float32Array, rows: number, theta: Float64Array): number {
  const d = theta.length;
  let sum = 0;
  for (let i = 0; i < rows; i++) {
    const product = theta.reduce((total, x, j) => total + data[i * d + j]! * x, 0);
    sum += (product - data[rows * d + i]!) ** 2;
  }
  return sum;
}

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
