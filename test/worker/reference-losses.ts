/** The families' losses once more, in float64 and as plainly as can be: the reference of the tests. */
import { valuesOf } from '../../worker/problems/images/image-set.js';
import { loadImages } from '../../worker/problems/images/load.js';
import { fillMinibatch } from '../../worker/problems/images/minibatch.js';
import type { Batch, OptionValues } from '../../worker/problems/problem.js';

/** f_t of problem p of a batch at one θ. */
export type ReferenceLoss = (theta: Float64Array, batch: Batch, step: number, problem: number) => number;

const REFERENCES: Readonly<Record<string, (options: OptionValues) => ReferenceLoss>> = {
  simple: () => simpleLoss,
  quadratic: () => quadraticLoss,
  mlp: mlpLoss,
  autoencoder: autoencoderLoss,
  conv: convLoss,
};

export function referenceLoss(family: string, options: OptionValues): ReferenceLoss {
  return REFERENCES[family]!(options);
}

const simpleLoss: ReferenceLoss = ([x]) => x! * x!;

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

/** The mean over a minibatch of what `lossOf` makes of each image and its label. */
function meanOverImages(
  options: OptionValues,
  lossOf: (theta: Float64Array, image: number[], label: number) => number,
): ReferenceLoss {
  return (theta, { key, split }, step, problem) => {
    const { shape, splits } = loadImages(options['folder'] as string | undefined);
    const { count, pixels, labels } = splits[split];
    const minibatch = new Uint32Array(options['batch'] as number);
    fillMinibatch(key, problem, step, count, minibatch);
    let total = 0;
    for (const image of minibatch) {
      const bytes = pixels.subarray(image * valuesOf(shape), (image + 1) * valuesOf(shape));
      total += lossOf(
        theta,
        Array.from(bytes, (byte) => byte / 255),
        labels[image]!,
      );
    }
    return total / minibatch.length;
  };
}

function shapeOf(options: OptionValues): { sides: [number, number, number]; values: number; classes: number } {
  const { shape, classes } = loadImages(options['folder'] as string | undefined);
  return { sides: [shape.height, shape.width, shape.channels], values: valuesOf(shape), classes };
}

/** The outputs of a dense network with these widths, the last layer's without an activation. */
function denseNetwork(theta: Float64Array, sizes: readonly number[], activation: string, x: number[]): number[] {
  let a = x;
  let at = 0;
  for (let l = 1; l < sizes.length; l++) {
    const [inputs, outputs] = [sizes[l - 1]!, sizes[l]!];
    const z = Array.from(theta.subarray(at + inputs * outputs, at + (inputs + 1) * outputs));
    for (let i = 0; i < inputs; i++) {
      if (a[i] !== 0) for (let o = 0; o < outputs; o++) z[o]! += a[i]! * theta[at + i * outputs + o]!;
    }
    at += (inputs + 1) * outputs;
    a = l < sizes.length - 1 ? z.map(activations[activation]!) : z;
  }
  return a;
}

function crossEntropy(z: readonly number[], label: number): number {
  const largest = Math.max(...z);
  const sum = z.reduce((partial, logit) => partial + Math.exp(logit - largest), 0);
  return Math.log(sum) + largest - z[label]!;
}

function mlpLoss(options: OptionValues): ReferenceLoss {
  const { values, classes } = shapeOf(options);
  const sizes = [values, ...(options['hidden'] as number[]), classes];
  return meanOverImages(options, (theta, image, label) =>
    crossEntropy(denseNetwork(theta, sizes, options['activation'] as string, image), label),
  );
}

function autoencoderLoss(options: OptionValues): ReferenceLoss {
  const { values } = shapeOf(options);
  const sizes = [values, ...(options['hidden'] as number[]), values];
  return meanOverImages(options, (theta, image) => {
    const y = denseNetwork(theta, sizes, options['activation'] as string, image).map(activations['sigmoid']!);
    const errors = y.map((value, i) =>
      options['loss'] === 'squared-error'
        ? (value - image[i]!) ** 2
        : -(image[i]! * Math.log(value) + (1 - image[i]!) * Math.log(1 - value)),
    );
    return errors.reduce((sum, error) => sum + error) / values;
  });
}

/** Filters at stride 2, padded as TensorFlow's "same": by what is missing, the smaller half of it before. */
function convLoss(options: OptionValues): ReferenceLoss {
  const { sides, classes } = shapeOf(options);
  const k = options['kernel'] as number;
  return meanOverImages(options, (theta, image, label) => {
    let [height, width, channels] = sides;
    let a = image;
    let at = 0;
    for (const filters of options['filters'] as number[]) {
      const [rows, columns] = [Math.ceil(height / 2), Math.ceil(width / 2)];
      const top = Math.max(0, (rows - 1) * 2 + k - height) >> 1;
      const left = Math.max(0, (columns - 1) * 2 + k - width) >> 1;
      const biases = at + k * k * channels * filters;
      const next: number[] = [];
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++) {
          for (let f = 0; f < filters; f++) {
            let sum = theta[biases + f]!;
            for (let i = 0; i < k; i++) {
              for (let j = 0; j < k; j++) {
                const [y, x] = [2 * row + i - top, 2 * column + j - left];
                if (y < 0 || x < 0 || y >= height || x >= width) continue;
                for (let c = 0; c < channels; c++) {
                  sum += a[(y * width + x) * channels + c]! * theta[at + ((i * k + j) * channels + c) * filters + f]!;
                }
              }
            }
            next.push(Math.max(sum, 0));
          }
        }
      }
      a = next;
      at = biases + filters;
      [height, width, channels] = [rows, columns, filters];
    }
    return crossEntropy(denseNetwork(theta.subarray(at), [a.length, classes], 'relu', a), label);
  });
}
